/** An order above the limit of its sites: who opens one lets a station mint that many identities, so it takes two people (I-18). */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import type { Kysely } from 'kysely';
import { orderLimit, type Policy, policyOf } from '../access/policy.ts';
import { requireApproval } from '../access/require-approval.ts';
import type { Draft, Reading } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';

type Order = EntryData<'order.created'>;

/** The entries that use up the approval; none for an order within the limit. @throws approval_required, approval_invalid */
export async function largeOrderApproval(reading: Reading, by: Actor, order: Order): Promise<Draft[]> {
  const policy = await policyOf(reading.tx);
  const limit = orderLimit(policy, await sitesOf(reading, order, policy));
  if (limit === null || order.quantity + order.scrap_allowance <= limit) return [];
  const { station_share = null, ...rest } = order;
  return requireApproval(reading, 'order.open', { ...rest, station_share }, by);
}

/**
 * The times of the order that this account has an approval for, so that an order that opens at once is the same one when it is
 * created after the second person came.
 */
export async function approvedTimes(
  reader: Kysely<Tables>,
  accountId: string,
  orderId: string,
  at: string,
): Promise<{ opens_at: string; closes_at: string } | undefined> {
  const row = await reader
    .selectFrom('approval')
    .select('parameters')
    .where('act', '=', 'order.open')
    .where('subject', '=', orderId)
    .where('requested_by', '=', accountId)
    .where('state', 'in', ['requested', 'granted'])
    .where('expires_at', '>', at)
    .orderBy('requested_at', 'desc')
    .executeTakeFirst();
  return row === undefined ? undefined : (JSON.parse(row.parameters) as Order);
}

/** Also those at which its stations stand; one that is not known yet may come to stand at any. */
async function sitesOf(
  { tx }: Reading,
  { sites, stations }: Order,
  { site_limits }: Policy,
): Promise<string[]> {
  if (stations.length === 0) return sites;
  const known = await tx
    .selectFrom('station')
    .select(['station_id', 'site'])
    .where('station_id', 'in', stations)
    .execute();
  const anywhere = known.length < new Set(stations).size ? ['', ...Object.keys(site_limits)] : [];
  return [...sites, ...known.map(({ site }) => site), ...anywhere];
}
