/** Fills an authority with finished devices through its own ledger, many to a decision, and goes on where it was broken off. */
import { allocateIds } from '@imprint/authority/registry/orders';
import { formatDeviceId } from '@imprint/contract/device-id';
import type { AuthorityHome } from '../bench-home.ts';
import { benchContract, placeOrder } from '../open-jobs.ts';
import { deviceDrafts, rememberedRequests } from './filled-device.ts';

/** An order that is filled; each has a site of its own, whose serials begin at nothing. */
export interface FillOrder {
  orderId: string;
  site: string;
}

/** What an authority is filled with, and what is put into a filled one to see how fast that goes. */
export const firstOrder: FillOrder = { orderId: 'fill-1', site: 'G1' };
export const secondOrder: FillOrder = { orderId: 'fill-2', site: 'G2' };

const year = 2026;
const devicesPerDecision = 250;
const saidEveryMs = 10_000;
const yearsOpen = 10;

/** The ID of the order's device of that number, from 0. */
export function filledDeviceId(number: number, { site } = firstOrder): string {
  return formatDeviceId({ site, year, serial: BigInt(number) }, benchContract.contract.identity.grammar);
}

/**
 * Fills the order until `count` devices of it are done.
 * @returns devices a second, of those that were lacking
 */
export async function fill(
  home: AuthorityHome,
  count: number,
  say: (sentence: string) => void,
  order = firstOrder,
): Promise<number> {
  const { ledger } = home.authority;
  const before = await filledDevices(home, order);
  await allocateAll(home, count, order, before !== undefined);
  let saidMs = performance.now();
  const begunMs = saidMs;
  for (let done = before ?? 0; done < count; done += devicesPerDecision) {
    const numbers = Array.from({ length: Math.min(devicesPerDecision, count - done) }, (_, at) => done + at);
    await ledger.submit(async ({ now, at }) => ({
      entries: numbers.flatMap((number) =>
        deviceDrafts(home, now, order.orderId, filledDeviceId(number, order)),
      ),
      remember: async (tx) => {
        for (const _ of numbers) await tx.insertInto('request').values(rememberedRequests(at)).execute();
      },
      reply: () => undefined,
    }));
    if (performance.now() < saidMs + saidEveryMs) continue;
    saidMs = performance.now();
    say(`${done + numbers.length} of ${count} devices are done`);
  }
  return ((count - (before ?? 0)) * 1000) / (performance.now() - begunMs);
}

/** How many are done; undefined where there is no order for them yet. */
async function filledDevices(
  { authority }: AuthorityHome,
  { orderId }: FillOrder,
): Promise<number | undefined> {
  const order = await authority.ledger.reader
    .selectFrom('production_order')
    .select('issued')
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  return order && Number(order.issued);
}

async function allocateAll(
  home: AuthorityHome,
  count: number,
  { orderId, site }: FillOrder,
  isOrdered: boolean,
): Promise<void> {
  const { ledger, entropy, person, clock } = home.authority;
  const idFields = { site, year };
  if (isOrdered) {
    await allocateIds(ledger, entropy, person, benchContract, orderId, idFields);
    return;
  }
  const closesAt = clock();
  closesAt.setUTCFullYear(closesAt.getUTCFullYear() + yearsOpen);
  await placeOrder(home, orderId, count, { ids: { source: 'generated', ...idFields }, closesAt });
}
