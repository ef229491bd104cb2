/**
 * Exactly once, whatever the network does: a request ID with the same body gets the same answer, with another body
 * it is refused (I-22). What was decided is remembered in the transaction that decided it.
 */
import { canonicalJson, type JsonValue } from '@imprint/contract/canonical-json';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import type { Transaction } from 'kysely';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';
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
  const bodySha256 = sha256Hex(
    encoder.encode(canonicalJson({ route: routeName, request } as unknown as JsonValue)),
  );
  const outcome = await ledger.submit<Outcome | { refusal: Refusal }>(async (reading) => {
    const station = await authorizeStation(reading, caller);
    const earlier = await findEarlier<Outcome>(reading, caller.stationId, request.request_id, bodySha256);
    if (earlier) return { entries: [], reply: () => earlier };
    const decided = await decide(reading, station);
    return {
      entries: decided.entries,
      remember: async (tx) => {
        await decided.remember?.(tx);
        await tx
          .insertInto('request')
          .values({
            station_id: caller.stationId,
            request_id: request.request_id,
            body_sha256: bodySha256,
            outcome: JSON.stringify(decided.outcome),
            at: reading.at,
          })
          .execute();
      },
      reply: () => decided.outcome,
    };
  });
  if ('refusal' in outcome) {
    const { code, message, hint } = outcome.refusal;
    throw new ImprintError(code, message, hint === undefined ? {} : { hint });
  }
  return outcome;
}

async function findEarlier<Outcome>(
  reading: Reading,
  stationId: string,
  requestId: string,
  bodySha256: string,
): Promise<Outcome | { refusal: Refusal } | undefined> {
  const row = await reading.tx
    .selectFrom('request')
    .select(['body_sha256', 'outcome'])
    .where('station_id', '=', stationId)
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  if (!row) return undefined;
  if (row.body_sha256 !== bodySha256) {
    throw new ImprintError('idempotency_conflict', `request ${requestId} was made before with another body`, {
      hint: 'A new request needs a new request_id.',
    });
  }
  return JSON.parse(row.outcome) as Outcome | { refusal: Refusal };
}
