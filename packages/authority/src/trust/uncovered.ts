/** Where an order could be worked on and no CA may certify its units: told when the order is placed, before a line stands still. */
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import { mayCertify } from './issuers.ts';

export interface Uncovered {
  site: string;
  year: number;
}

/** The sites and years of an order for which no active CA may certify now; its stations stand for the sites where they are. */
export async function uncovered(
  db: Kysely<Tables>,
  order: {
    product: string;
    sites: readonly string[];
    stations: readonly string[];
    opensAt: string;
    closesAt: string;
  },
): Promise<Uncovered[]> {
  const sites = new Set(order.sites);
  if (order.stations.length > 0) {
    const rows = await db
      .selectFrom('station')
      .select('site')
      .distinct()
      .where('station_id', 'in', [...order.stations])
      .execute();
    for (const { site } of rows) sites.add(site);
  }
  const [first, last] = [order.opensAt, order.closesAt].map((at) => new Date(at).getUTCFullYear());
  const found: Uncovered[] = [];
  for (const site of sites) {
    for (let year = first!; year <= last!; year++) {
      if (!(await mayCertify(db, { product: order.product, site, year }))) found.push({ site, year });
    }
  }
  return found;
}
