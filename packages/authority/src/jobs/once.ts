/**
 * Exactly once, whatever the network does: a request ID with the same body gets the same answer, with another body
 * it is refused (I-22). What was decided is remembered in the transaction that decided it.
 */
import { canonicalJson } from '@imprint/contract/canonical-json';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import type { Transaction } from 'kysely';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { RequestTable, Tables } from '../storage/tables.ts';
import { type AuthorizedStation, authorizeStation } from './authorize-station.ts';
import type { StationCaller } from './line-core.ts';

/** A refusal that changes something (a quarantine, an alarm) and therefore must be committed before it is spoken. */
export interface Refusal {
  code: ErrorCode;
  message: string;
  hint?: string;
}

export interface Decided<Outcome> {
  entries: Draft[];
  remember?: (tx: Transaction<Tables>) => Promise<void>;
  /** What lets the same answer be given again: small, and nothing secret. */
  outcome: Outcome | { refusal: Refusal };
}

const encoder = new TextEncoder();

/**
 * Decides a station's request once. `decide` runs inside the tick for a station that is authorized; a repeated
 * request gets the outcome of the first.
 * @throws idempotency_conflict where the request ID was used with another body; whatever `decide` refuses
 */
export async function decideOnce<Outcome extends object>(
  ledger: Ledger,
  caller: StationCaller,
  routeName: string,
  request: { request_id: string },
  decide: (reading: Reading, station: AuthorizedStation) => Promise<Decided<Outcome>>,
): Promise<Outcome> {
  const outcome = await ledger.submit<Outcome | { refusal: Refusal }>(async (reading) => {
    const station = await authorizeStation(reading, caller);
    if ('refusal' in station) {
      return { entries: station.alarms, reply: () => ({ refusal: refusalOf(station.refusal) }) };
    }
    const earlier = await requireSameBody(reading, caller, routeName, request);
    if (earlier) return { entries: [], reply: () => JSON.parse(earlier) as Outcome | { refusal: Refusal } };
    const decided = await decide(reading, station);
    return {
      entries: decided.entries,
      remember: async (tx) => {
        await decided.remember?.(tx);
        await rememberRequest(tx, reading, caller, routeName, request, decided.outcome);
      },
      reply: () => decided.outcome,
    };
  });
  if ('refusal' in outcome) throw refusalError(outcome.refusal);
  return outcome;
}

/**
 * The remembered outcome (JSON) of an earlier request with this ID, undefined where there was none.
 * @throws idempotency_conflict where it had another body, or went to another route
 */
export async function requireSameBody(
  reading: Reading,
  caller: StationCaller,
  routeName: string,
  request: { request_id: string },
): Promise<string | undefined> {
  const { rows } = await selectRequest(reading.tx, {
    station_id: caller.stationId,
    request_id: request.request_id,
  });
  const row = rows[0];
  if (!row) return undefined;
  if (row.body_sha256 !== bodySha256(routeName, request)) {
    throw new ImprintError(
      'idempotency_conflict',
      `request ${request.request_id} was made before with another body`,
      {
        hint: 'A new request needs a new request_id.',
      },
    );
  }
  return row.outcome;
}

/** Stores what a request came to, in the transaction that decided it. */
export async function rememberRequest(
  tx: Transaction<Tables>,
  reading: Reading,
  caller: StationCaller,
  routeName: string,
  request: { request_id: string },
  outcome: object,
): Promise<void> {
  await insertRequest(tx, {
    station_id: caller.stationId,
    request_id: request.request_id,
    body_sha256: bodySha256(routeName, request),
    outcome: JSON.stringify(outcome),
    at: reading.at,
  });
}

export function refusalOf({ code, message, hint }: ImprintError): Refusal {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

export function refusalError({ code, message, hint }: Refusal): ImprintError {
  return new ImprintError(code, message, hint === undefined ? {} : { hint });
}

function bodySha256(routeName: string, request: object): string {
  return sha256Hex(encoder.encode(canonicalJson({ route: routeName, request })));
}

const selectRequest = statement<
  Pick<RequestTable, 'station_id' | 'request_id'>,
  Pick<RequestTable, 'body_sha256' | 'outcome'>
>((db, arg) =>
  db
    .selectFrom('request')
    .select(['body_sha256', 'outcome'])
    .where('station_id', '=', arg('station_id'))
    .where('request_id', '=', arg('request_id')),
);

const insertRequest = statement<RequestTable>((db, arg) =>
  db.insertInto('request').values({
    station_id: arg('station_id'),
    request_id: arg('request_id'),
    body_sha256: arg('body_sha256'),
    outcome: arg('outcome'),
    at: arg('at'),
  }),
);
