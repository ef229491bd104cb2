/** Fills an authority with finished devices through its own ledger, many to a decision, and goes on where it was broken off. */
import { allocateIds } from '@imprint/authority/registry/orders';
import { formatDeviceId } from '@imprint/contract/device-id';
import type { AuthorityHome } from '../bench-home.ts';
import { benchContract, placeOrder } from '../open-jobs.ts';
import { deviceDrafts, rememberedRequests } from './filled-device.ts';

/** Of the IDs of the fill; other orders of the home have another site, whose serials begin at nothing again. */
const idFields = { site: 'G1', year: 2026 };
const orderId = 'fill-1';
const devicesPerDecision = 250;
const saidEveryMs = 10_000;
const yearsOpen = 10;

/** The ID of the fill's device of that number, from 0. */
export function filledDeviceId(number: number): string {
  return formatDeviceId({ ...idFields, serial: BigInt(number) }, benchContract.contract.identity.grammar);
}

/**
 * Fills until `count` devices are done.
 * @returns devices a second, of those that were lacking
 */
export async function fill(
  home: AuthorityHome,
  count: number,
  say: (sentence: string) => void,
): Promise<number> {
  const { ledger } = home.authority;
  const before = await filledDevices(home);
  await allocateAll(home, count, before !== undefined);
  let saidMs = performance.now();
  const begunMs = saidMs;
  for (let done = before ?? 0; done < count; done += devicesPerDecision) {
    const numbers = Array.from({ length: Math.min(devicesPerDecision, count - done) }, (_, at) => done + at);
    await ledger.submit(async ({ now, at }) => ({
      entries: numbers.flatMap((number) => deviceDrafts(home, now, orderId, filledDeviceId(number))),
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
async function filledDevices({ authority }: AuthorityHome): Promise<number | undefined> {
  const order = await authority.ledger.reader
    .selectFrom('production_order')
    .select('issued')
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  return order && Number(order.issued);
}

async function allocateAll(home: AuthorityHome, count: number, isOrdered: boolean): Promise<void> {
  const { ledger, entropy, person, clock } = home.authority;
  if (isOrdered) {
    await allocateIds(ledger, entropy, person, benchContract, orderId, idFields);
    return;
  }
  const closesAt = clock();
  closesAt.setUTCFullYear(closesAt.getUTCFullYear() + yearsOpen);
  await placeOrder(home, orderId, count, { ids: { source: 'generated', ...idFields }, closesAt });
}
