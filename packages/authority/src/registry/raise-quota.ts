/**
 * More units of an order that is open. A quota bounds what a stolen station can mint (I-21), so raising it takes two people wherever
 * acts take two (I-18), however small the order is; and it only ever goes up, since a line may have used what it was promised.
 */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Selectable } from 'kysely';
import { requireApproval } from '../access/require-approval.ts';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { ProductionOrderTable } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';
import type { ContractShelf } from './contract-shelf.ts';
import { idFieldsOf } from './next-serials.ts';
import { allocateIds, countDevices, generatedIdDrafts, type OrderStand, requireNotClosed } from './orders.ts';

/** What the order has from then on, and not what is added: the same request again adds nothing. */
export type QuotaRequest = EntryData<'order.quota-raised'>;

type Order = Selectable<ProductionOrderTable>;

/**
 * Raises quantity and scrap allowance to these numbers. Generated IDs are allocated as at opening, under the fields of those that the
 * order has; where that is interrupted the same request goes on with it. Imported IDs are brought afterwards, by `importIds`.
 * @throws unknown_order, order_closed, bad_request (less than the order has, or no number), quota_exhausted (the grammar has no more
 * IDs), approval_required, approval_invalid
 */
export async function raiseQuota(
  ledger: Ledger,
  core: { contracts: ContractShelf; entropy: Entropy },
  by: Actor,
  request: QuotaRequest,
): Promise<OrderStand> {
  requireSound(request);
  const { order_id: orderId, quantity, scrap_allowance } = request;
  const quota = quantity + scrap_allowance;
  const more = await moreIds(ledger, core, orderId);
  await ledger.submit(async (reading) => {
    const order = await requireNotClosed(reading.tx, orderId);
    requireStillOpen(order, reading);
    requireNoLess(order, request);
    if (order.quantity === quantity && order.scrap_allowance === scrap_allowance) {
      return { entries: [], reply: () => undefined };
    }
    const parameters = { order_id: orderId, quantity, scrap_allowance };
    const entries: Draft[] = await requireApproval(reading, 'order.raise-quota', parameters, by);
    entries.push({ type: 'order.quota-raised', actor: by, data: request });
    // the first of them at once: where the grammar has no more, nothing was raised
    const lacking = quota - (await countDevices(reading.tx, orderId));
    if (more !== undefined && lacking > 0) {
      const { checked, fields } = more;
      entries.push(
        ...(await generatedIdDrafts(reading.tx, by, orderId, checked, fields, lacking, core.entropy)),
      );
    }
    return { entries, reply: () => undefined };
  });
  if (more !== undefined) {
    return allocateIds(ledger, core.entropy, by, more.checked, orderId, more.fields);
  }
  return { order_id: orderId, allocated: await countDevices(ledger.reader, orderId), quota };
}

/** How the order's IDs go on; nothing for imported ones. */
async function moreIds({ reader }: Ledger, { contracts }: { contracts: ContractShelf }, orderId: string) {
  const { id_source, contract_sha256, opens_at } = await requireNotClosed(reader, orderId);
  if (id_source === 'imported') return undefined;
  const contract = await contracts.get(reader, contract_sha256);
  const { device_id } = await reader
    .selectFrom('device')
    .select('device_id')
    .where('order_id', '=', orderId)
    .limit(1)
    .executeTakeFirstOrThrow();
  const fields = idFieldsOf(device_id, contract.identity.grammar, new Date(opens_at).getUTCFullYear());
  return { checked: { contract }, fields };
}

function requireSound({ quantity, scrap_allowance }: QuotaRequest): void {
  const isUnits = (value: number, least: number) =>
    Number.isSafeInteger(value) && value >= least && value <= limits.orderQuantity;
  if (isUnits(quantity, 1) && isUnits(scrap_allowance, 0)) return;
  throw new ImprintError(
    'bad_request',
    `quantity and scrap allowance are whole numbers up to ${limits.orderQuantity}`,
    { hint: 'Give the numbers that the order is to have.' },
  );
}

/** An order whose time is over takes no job, whether somebody closed it or not. @throws order_closed */
function requireStillOpen({ order_id, closes_at }: Order, { at }: Reading): void {
  if (at < closes_at) return;
  throw new ImprintError('order_closed', `order ${order_id} is closed since ${closes_at}`, {
    hint: 'Create a new order for what is still to be made.',
  });
}

/** @throws bad_request */
function requireNoLess(order: Order, { quantity, scrap_allowance }: QuotaRequest): void {
  if (quantity >= order.quantity && scrap_allowance >= order.scrap_allowance) return;
  throw new ImprintError(
    'bad_request',
    `order ${order.order_id} has ${order.quantity} units and ${order.scrap_allowance} for scrap: neither is ever lowered`,
    { hint: 'Close the order where it is to give no more: imprint order close.' },
  );
}
