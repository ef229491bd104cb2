/**
 * What stands before the first board comes: stations as enrolment leaves them (enrolment itself is tested on the real thing),
 * orders with their IDs, and labels on the boards that have theirs printed beforehand.
 */
import { createOrder } from '@imprint/authority/registry/orders';
import { raiseQuota } from '@imprint/authority/registry/raise-quota';
import { realmDrafts } from '@imprint/authority/trust/realm-drafts';

import { toUtf8 } from '@imprint/contract/bytes';
import { sha256Hex } from '@imprint/contract/hash';
import { minder } from './authority-host.ts';
import { type AuthorityProcess, logOrigin } from './authority-process.ts';
import type { Floor } from './floor.ts';
import type { StolenLabels } from './hostile/stolen-station.ts';
import { gateways, type Product } from './products.ts';
import { beginning, type World } from './world.ts';

const dayMs = 86_400_000;
const validMs = 30 * dayMs;
/** So many boards more than their order was opened for. */
const laterBoards = 3;
/** CRLs of each CA for devices. */
export const crlPartitions = 2;

/** `lanes` by station. */
export async function enrolStations(
  authority: AuthorityProcess,
  lanes: Record<string, number>,
): Promise<void> {
  const { certificates, logPublicKey } = authority.identity.hierarchy;
  await authority.ledger.submit(async () => ({
    entries: [
      ...realmDrafts(minder, {
        realm: 'dev',
        organization: 'Example Devices',
        logOrigin,
        logPublicKey,
        certificates,
        crlPartitions,
      }),
      ...Object.entries(lanes).flatMap(([station_id, count]) => [
        {
          type: 'station.invited' as const,
          actor: minder,
          data: {
            station_id,
            site: 'site-1',
            line: 'line-1',
            lanes: count,
            expires_at: new Date(beginning + 900_000).toISOString(),
          },
        },
        {
          type: 'station.confirmed' as const,
          actor: minder,
          data: {
            station_id,
            public_key_sha256: sha256Hex(toUtf8(station_id)),
            serial: '01',
            tbs_sha256: '0'.repeat(64),
            not_after: new Date(beginning + validMs).toISOString(),
          },
        },
      ]),
    ],
    reply: () => undefined,
  }));
}

/** An order for all boards of the product, the last of which come to it later, and their labels where those come first. */
export async function placeOrder(
  world: World,
  { ledger, line }: AuthorityProcess,
  floor: Floor,
  product: Product,
  stations: string[],
): Promise<void> {
  const boards = floor.boards.filter((board) => board.product === product);
  if (boards.length === 0) return;
  const { contract } = product.checked;
  const entropy = world.entropy(`order ${product.orderId}`);
  await createOrder(ledger, entropy, minder, product.checked, {
    orderId: product.orderId,
    sku: contract.skus[0]!,
    lot: 'lot-1',
    quantity: Math.max(1, boards.length - laterBoards),
    scrapAllowance: 0,
    sites: ['site-1'],
    stations,
    opensAt: new Date(beginning).toISOString(),
    closesAt: new Date(beginning + validMs).toISOString(),
    ids: { source: 'generated', ...siteOf(product), year: 2026 },
  });
  await raiseQuota(ledger, { contracts: line.contracts, entropy }, minder, {
    order_id: product.orderId,
    quantity: boards.length,
    scrap_allowance: 0,
    reason: 'the customer wants more',
  });
  if (product.isTwoVisits) return;
  const rows = await ledger.reader
    .selectFrom('device')
    .select('device_id')
    .where('order_id', '=', product.orderId)
    .orderBy('device_id')
    .execute();
  for (const [at, board] of boards.entries()) floor.stick(board.unit, rows[at]!.device_id);
}

/** Orders of the gateways' kind that a stolen station works on: one for what it likes, one with a share, one of next week. */
export async function placeStolenOrders(
  world: World,
  { ledger }: AuthorityProcess,
  stationId: string,
  orderId: string,
  quantity: number,
): Promise<StolenLabels> {
  const { contract } = gateways.checked;
  const place = async (id: string, count: number, opensMs: number, share?: number): Promise<string[]> => {
    await createOrder(ledger, world.entropy(`order ${id}`), minder, gateways.checked, {
      orderId: id,
      sku: contract.skus[0]!,
      lot: 'lot-2',
      quantity: count,
      scrapAllowance: 0,
      ...(share === undefined ? {} : { stationShare: share }),
      sites: [],
      stations: [stationId],
      opensAt: new Date(opensMs).toISOString(),
      closesAt: new Date(beginning + validMs).toISOString(),
      ids: { source: 'generated', ...siteOf(gateways), year: 2026 },
    });
    const rows = await ledger.reader
      .selectFrom('device')
      .select('device_id')
      .where('order_id', '=', id)
      .orderBy('device_id')
      .execute();
    return rows.map(({ device_id }) => device_id);
  };
  const share = 2;
  const labels = await place(orderId, quantity, beginning);
  const shared = { share, labels: await place(`${orderId}-shared`, share + 1, beginning, share) };
  const [laterLabel] = await place(`${orderId}-later`, 1, beginning + 7 * dayMs);
  return { labels, shared, laterLabel: laterLabel! };
}

function siteOf({ checked }: Product): { site?: string } {
  const { grammar } = checked.contract.identity;
  if ('uuid' in grammar || grammar.site_length === undefined || grammar.site_length === 0) return {};
  return { site: 'M1'.slice(0, grammar.site_length) };
}
