/** Orders in the place of what was set aside: one for each order that lost units, under the same contract and terms, with IDs of its own. */
import { createHash } from 'node:crypto';
import type { Actor } from '@imprint/contract/audit/entry';
import { type ErrorCode, ImprintError, isImprintError } from '@imprint/contract/errors';
import type { DeviceIdGrammar } from '@imprint/contract/provisioning-contract';
import type { Kysely } from 'kysely';
import type { Ledger } from '../ledger/ledger.ts';
import { contractText } from '../registry/contract-shelf.ts';
import { checkContract } from '../registry/contracts.ts';
import { approvedTimes } from '../registry/large-order.ts';
import { createOrder, type OrderRequest } from '../registry/orders.ts';
import type { Tables } from '../storage/tables.ts';
import type { Clock, Entropy } from '../surroundings.ts';
import type { Ca } from '../trust/cas.ts';

export interface Replacement {
  /** The order whose units were set aside. */
  order_id: string;
  /** The order in its place. */
  replacement_id: string;
  /** How many of its units are set aside. */
  units: number;
  /**
   * `opened` by this run, `before` by an earlier one; `ids-needed` where IDs are imported, which only people can bring; `refused` for
   * the reason that is given.
   */
  outcome: 'opened' | 'before' | 'ids-needed' | 'refused';
  code: ErrorCode | null;
  message: string | null;
}

export interface ReplacementTerms {
  by: Actor;
  ca: Ca;
  /** How long the new orders are open. */
  days: number;
}

const dayMs = 86_400_000;

/** For each order that has units set aside for this CA, whether another is there in its place: nothing is changed. */
export async function replacementsFor(db: Kysely<Tables>, ca: Ca): Promise<Replacement[]> {
  const losses = await lossesOf(db, ca);
  const names = new Map(losses.map(({ order_id }) => [order_id, replacementId(order_id, ca)]));
  const there = new Set<string>();
  for (const name of names.values()) {
    const row = await db
      .selectFrom('production_order')
      .select('order_id')
      .where('order_id', '=', name)
      .executeTakeFirst();
    if (row !== undefined) there.add(name);
  }
  return losses.map(({ order_id, id_source, units }) => {
    const replacement_id = names.get(order_id)!;
    const outcome = there.has(replacement_id)
      ? ('before' as const)
      : id_source === 'imported'
        ? ('ids-needed' as const)
        : ('refused' as const);
    return { order_id, replacement_id, units, outcome, code: null, message: null };
  });
}

/**
 * Opens what is lacking. Run again, it opens none twice. An order that cannot be opened now says why, and the others are opened all the same.
 * @throws storage_failed, clock_untrusted, unavailable
 */
export async function openReplacements(
  ledger: Ledger,
  surroundings: { clock: Clock; entropy: Entropy },
  terms: ReplacementTerms,
): Promise<Replacement[]> {
  const opened: Replacement[] = [];
  for (const one of await replacementsFor(ledger.reader, terms.ca)) {
    opened.push(one.outcome === 'refused' ? await openOne(ledger, surroundings, terms, one) : one);
  }
  return opened;
}

/** What stands against one order, and leaves the others open. */
const ofOneOrder: readonly ErrorCode[] = [
  'approval_invalid',
  'approval_required',
  'bad_request',
  'device_id_invalid',
  'not_authorized',
  'order_conflict',
  'quota_exhausted',
];

async function openOne(
  ledger: Ledger,
  { clock, entropy }: { clock: Clock; entropy: Entropy },
  { by, ca, days }: ReplacementTerms,
  one: Replacement,
): Promise<Replacement> {
  try {
    const { request, text } = await requestFor(ledger.reader, one, { by, ca, days }, clock());
    await createOrder(ledger, entropy, by, checkContract(text, `contract of ${one.order_id}`), request);
    return { ...one, outcome: 'opened' };
  } catch (error) {
    if (!isImprintError(error, ...ofOneOrder)) throw error;
    return { ...one, code: error.code, message: error.message };
  }
}

async function requestFor(
  db: Kysely<Tables>,
  { order_id, replacement_id, units }: Replacement,
  { by, days }: ReplacementTerms,
  now: Date,
): Promise<{ request: OrderRequest; text: string }> {
  const order = await db
    .selectFrom('production_order')
    .selectAll()
    .where('order_id', '=', order_id)
    .executeTakeFirstOrThrow();
  const text = await contractText(db, order.contract_sha256);
  const { grammar } = checkContract(text, `contract of ${order_id}`).contract.identity;
  const approved = await approvedTimes(db, by.id, replacement_id, now.toISOString());
  const opensAt = approved?.opens_at ?? now.toISOString();
  const closesAt = approved?.closes_at ?? new Date(now.getTime() + days * dayMs).toISOString();
  const request: OrderRequest = {
    orderId: replacement_id,
    sku: order.sku,
    lot: order.lot,
    quantity: units,
    scrapAllowance: 0,
    ...(order.station_share === null ? {} : { stationShare: order.station_share }),
    sites: JSON.parse(order.sites) as string[],
    stations: JSON.parse(order.stations) as string[],
    hardwareRevisions: JSON.parse(order.hardware_revisions) as string[],
    opensAt,
    closesAt,
    ids: {
      source: 'generated',
      year: new Date(opensAt).getUTCFullYear(),
      ...(await siteIn(db, order_id, grammar)),
    },
  };
  return { request, text };
}

/** The site as it stands in the IDs of an order, where the grammar has one. */
async function siteIn(
  db: Kysely<Tables>,
  orderId: string,
  grammar: DeviceIdGrammar,
): Promise<{ site?: string }> {
  if ('uuid' in grammar || grammar.site_length === 0) return {};
  const first = await db
    .selectFrom('device')
    .select('device_id')
    .where('order_id', '=', orderId)
    .orderBy('device_id')
    .executeTakeFirst();
  if (first === undefined) {
    throw new ImprintError('bad_request', `order ${orderId} has no device ID that tells its site`, {
      hint: 'Open the order by hand: imprint order create --id-site SITE.',
    });
  }
  const from = grammar.prefix.length;
  return { site: first.device_id.slice(from, from + grammar.site_length) };
}

/** The same for the same order and CA, so that a second run finds it. */
function replacementId(orderId: string, { certificate_sha256 }: Ca): string {
  const mark = createHash('sha256').update(`${orderId}\n${certificate_sha256}`).digest('hex').slice(0, 8);
  return `${orderId.slice(0, 48)}-r-${mark}`;
}

/** Orders with units that were set aside since the CA's certificates were revoked, and not let go again. */
async function lossesOf(
  db: Kysely<Tables>,
  { certificate_sha256 }: Ca,
): Promise<{ order_id: string; id_source: 'generated' | 'imported'; units: number }[]> {
  const rows = await db
    .selectFrom('device')
    .innerJoin('production_order', 'production_order.order_id', 'device.order_id')
    .select((row) => ['device.order_id', 'production_order.id_source', row.fn.countAll<number>().as('units')])
    .where('device.state', '=', 'quarantined')
    .where((row) =>
      row.exists(
        row
          .selectFrom('credential')
          .select('credential.credential_id')
          .whereRef('credential.device_id', '=', 'device.device_id')
          .where('credential.issuer_sha256', '=', certificate_sha256)
          .where('credential.revocation_reason', '=', 'ca-compromise'),
      ),
    )
    .groupBy(['device.order_id', 'production_order.id_source'])
    .orderBy('device.order_id')
    .execute();
  return rows.map(({ units, ...row }) => ({ ...row, units: Number(units) }));
}
