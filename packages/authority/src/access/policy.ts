/**
 * Whether acts of I-18 take two people here, and how large an order one person opens. The realm decides, and in dev the log: a
 * configuration file could be changed by whoever runs the machine, and nobody would see it.
 */
import type { Kysely } from 'kysely';
import type { MetaTable } from '../storage/schema.ts';
import type { Tables } from '../storage/tables.ts';

type Reader = Pick<Kysely<Tables>, 'selectFrom'>;

export interface Policy {
  approvals: 'required' | 'not-required';
  order_limit: number | null;
  site_limits: Record<string, number>;
}

/** True in test and prod whatever else is said, and in dev where its policy asks for it. A realm that is not known takes two. */
export async function takesTwoPeople(tx: Reader): Promise<boolean> {
  // the mark that the database was made with, which is compared whenever it is opened
  const marked = tx as unknown as Pick<Kysely<{ imprint_schema: MetaTable }>, 'selectFrom'>;
  const mark = await marked.selectFrom('imprint_schema').select('realm').executeTakeFirst();
  if (mark?.realm !== 'dev') return true;
  return (await policyOf(tx)).approvals === 'required';
}

/** As the log says; without a word of it nothing is asked for and nothing is limited. */
export async function policyOf(tx: Reader): Promise<Policy> {
  const row = await tx.selectFrom('policy').selectAll().executeTakeFirst();
  if (row === undefined) return { approvals: 'not-required', order_limit: null, site_limits: {} };
  return {
    approvals: row.approvals,
    order_limit: row.order_limit,
    site_limits: JSON.parse(row.site_limits) as Record<string, number>,
  };
}

/** The most units of an order at these sites that one person opens: the smallest limit that applies; null: any number. */
export function orderLimit(policy: Policy, sites: readonly string[]): number | null {
  const bySite = sites.flatMap((site) => policy.site_limits[site] ?? []);
  const general = sites.some((site) => policy.site_limits[site] === undefined) || sites.length === 0;
  const limits = general && policy.order_limit !== null ? [...bySite, policy.order_limit] : bySite;
  return limits.length === 0 ? null : Math.min(...limits);
}
