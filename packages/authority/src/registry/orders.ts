/**
 * Production orders: what may be made, of what, how many, where and when, and which device IDs are theirs. An ID
 * belongs to one order for ever; nothing of an order is changed but that its quota is raised (raise-quota.ts) and that it is closed.
 */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { type Finding, findingsError } from '@imprint/contract/finding';
import { limits } from '@imprint/contract/limits';
import type { Selectable, Transaction } from 'kysely';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { ProductionOrderTable, Tables } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';
import type { ContractShelf } from './contract-shelf.ts';
import { type CheckedContract, contractDrafts } from './contracts.ts';
import { parseIdList } from './id-list.ts';
import { largeOrderApproval } from './large-order.ts';
import { type IdFields, nextDeviceIds } from './next-serials.ts';

export interface OrderRequest {
  orderId: string;
  sku: string;
  lot: string;
  quantity: number;
  scrapAllowance: number;
  /** How many units one station may provision; absent: as many as there are. */
  stationShare?: number;
  /** At least one of both: an order that names nobody is nobody's. */
  sites: readonly string[];
  stations: readonly string[];
  /** Absent: all that the contract names. */
  hardwareRevisions?: readonly string[];
  opensAt: string;
  closesAt: string;
  /** Generated IDs come with the order; imported ones are brought by {@link importIds}. */
  ids: ({ source: 'generated' } & IdFields) | { source: 'imported' };
}

export interface OrderStand {
  order_id: string;
  allocated: number;
  /** Quantity and scrap allowance: as many IDs may be issued. */
  quota: number;
}

/** IDs that one decision allocates, so that nobody waits long behind it. */
const idsPerDecision = 5_000;

/**
 * Creates an order under this contract, which is registered with it where it is new, and allocates all its IDs. Where
 * that is interrupted, {@link allocateIds} goes on.
 * An order above the limit of its sites takes two people (I-18).
 * @throws order_conflict, bad_request, quota_exhausted, device_id_invalid; approval_required, approval_invalid
 */
export async function createOrder(
  ledger: Ledger,
  entropy: Entropy,
  by: Actor,
  checked: CheckedContract,
  request: OrderRequest,
): Promise<OrderStand> {
  requireSound(checked, request);
  const { ids } = request;
  const quota = request.quantity + request.scrapAllowance;
  await ledger.submit(async (reading) => {
    await requireNew(reading, request.orderId);
    const entries = await contractDrafts(reading, by, checked);
    const order = orderData(checked, request);
    entries.push(...(await largeOrderApproval(reading, by, order)));
    entries.push({ type: 'order.created', actor: by, data: order });
    if (ids.source === 'generated') {
      entries.push(
        ...(await generatedIdDrafts(reading.tx, by, request.orderId, checked, ids, quota, entropy)),
      );
    }
    return { entries, reply: () => undefined };
  });
  if (ids.source === 'imported') return { order_id: request.orderId, allocated: 0, quota };
  return allocateIds(ledger, entropy, by, checked, request.orderId, ids);
}

/**
 * Allocates what an order of generated IDs still lacks of its quota, some thousands at a time.
 * @throws unknown_order, order_closed, quota_exhausted, device_id_invalid
 */
export async function allocateIds(
  ledger: Ledger,
  entropy: Entropy,
  by: Actor,
  checked: Pick<CheckedContract, 'contract'>,
  orderId: string,
  fields: IdFields,
): Promise<OrderStand> {
  for (;;) {
    const stand = await ledger.submit<OrderStand>(async (reading) => {
      const order = await requireNotClosed(reading.tx, orderId);
      if (order.id_source !== 'generated') {
        throw new ImprintError('bad_request', `the IDs of order ${orderId} are imported`, {
          hint: 'Bring them with imprint order import.',
        });
      }
      const quota = order.quantity + order.scrap_allowance;
      const allocated = await countDevices(reading.tx, orderId);
      const lacking = quota - allocated;
      const entries =
        lacking > 0
          ? await generatedIdDrafts(reading.tx, by, orderId, checked, fields, lacking, entropy)
          : [];
      const added = Math.min(lacking, idsPerDecision);
      return { entries, reply: () => ({ order_id: orderId, allocated: allocated + added, quota }) };
    });
    if (stand.allocated >= stand.quota) return stand;
  }
}

/**
 * Imports a file of IDs into an order: all of them, or none where one is wrong, known, or over the quota.
 * @throws file_invalid (`file:line:column`), unknown_order, order_closed, quota_exhausted, bad_request
 */
export async function importIds(
  ledger: Ledger,
  contracts: ContractShelf,
  by: Actor,
  orderId: string,
  file: { text: string; name: string },
): Promise<OrderStand> {
  const { contract_sha256 } = await requireNotClosed(ledger.reader, orderId);
  const { identity } = await contracts.get(ledger.reader, contract_sha256);
  const listed = parseIdList(file.text, file.name, identity.grammar);
  const deviceIds = listed.map(({ deviceId }) => deviceId);
  return ledger.submit(async (reading) => {
    const order = await requireNotClosed(reading.tx, orderId);
    if (order.id_source !== 'imported') {
      throw new ImprintError('bad_request', `the IDs of order ${orderId} are generated`, {
        hint: 'Create an order for imported IDs: imprint order create … --imported.',
      });
    }
    const known = await ordersOf(reading.tx, deviceIds);
    const findings = listed
      .filter(({ deviceId }) => known.has(deviceId))
      .map(
        ({ deviceId, line, column }): Finding => ({
          line,
          column,
          message: `${deviceId} belongs to order ${known.get(deviceId)} already`,
          hint: 'Take it out of the file: an ID is allocated once, for ever.',
        }),
      );
    if (findings.length > 0) throw findingsError('file_invalid', file.name, findings.slice(0, 50));
    const quota = order.quantity + order.scrap_allowance;
    const allocated = (await countDevices(reading.tx, orderId)) + deviceIds.length;
    if (allocated > quota) {
      throw new ImprintError(
        'quota_exhausted',
        `order ${orderId} has a quota of ${quota}; with this file it would have ${allocated} IDs`,
        { hint: 'Shorten the file, or create a further order.' },
      );
    }
    return {
      entries: allocationDrafts(by, orderId, deviceIds),
      reply: () => ({ order_id: orderId, allocated, quota }),
    };
  });
}

/** Closes an order: nothing new is opened, what is open may finish. @throws unknown_order, order_closed */
export function closeOrder(ledger: Ledger, by: Actor, orderId: string, reason: string): Promise<void> {
  return ledger.submit(async (reading) => {
    await requireNotClosed(reading.tx, orderId);
    const data = { order_id: orderId, reason };
    return { entries: [{ type: 'order.closed', actor: by, data }], reply: () => undefined };
  });
}

function requireSound({ contract }: CheckedContract, request: OrderRequest): void {
  const refuse = (message: string, hint: string) => new ImprintError('bad_request', message, { hint });
  if (!contract.skus.includes(request.sku)) {
    throw refuse(
      `${contract.product} has no SKU ${request.sku}`,
      `Choose one of: ${contract.skus.join(', ')}.`,
    );
  }
  for (const revision of request.hardwareRevisions ?? []) {
    if (!contract.hardware_revisions.includes(revision)) {
      throw refuse(
        `the contract knows no hardware revision ${revision}`,
        `Choose among: ${contract.hardware_revisions.join(', ')}.`,
      );
    }
  }
  if (request.sites.length + request.stations.length === 0) {
    throw refuse(
      'an order that names no site and no station can be worked on by nobody',
      'Give --site or --station.',
    );
  }
  if (
    !Number.isSafeInteger(request.quantity) ||
    request.quantity < 1 ||
    request.quantity > limits.orderQuantity
  ) {
    throw refuse(
      `a quantity is a whole number from 1 to ${limits.orderQuantity}`,
      'Give the number of units with --quantity.',
    );
  }
  if (request.closesAt <= request.opensAt)
    throw refuse('the order would close before it opens', 'Check both times.');
}

async function requireNew(reading: Reading, orderId: string): Promise<void> {
  const known = await reading.tx
    .selectFrom('production_order')
    .select('order_id')
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  if (known === undefined) return;
  throw new ImprintError('order_conflict', `there is an order ${orderId} already`, {
    hint: 'Give the new one another ID; to see that one: imprint order show.',
  });
}

/** @throws unknown_order, order_closed */
export async function requireNotClosed(
  db: Pick<Transaction<Tables>, 'selectFrom'>,
  orderId: string,
): Promise<Selectable<ProductionOrderTable>> {
  const order = await db
    .selectFrom('production_order')
    .selectAll()
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  if (order === undefined) {
    throw new ImprintError('unknown_order', `there is no order ${orderId}`, {
      hint: 'See imprint order list.',
    });
  }
  if (order.closed_at !== null) {
    throw new ImprintError('order_closed', `order ${orderId} was closed at ${order.closed_at}`, {
      hint: 'Create a new order for what is still to be made.',
    });
  }
  return order;
}

function orderData({ contract, sha256 }: CheckedContract, request: OrderRequest): EntryData<'order.created'> {
  return {
    order_id: request.orderId,
    product: contract.product,
    sku: request.sku,
    lot: request.lot,
    contract_sha256: sha256,
    hardware_revisions: [...(request.hardwareRevisions ?? contract.hardware_revisions)],
    quantity: request.quantity,
    scrap_allowance: request.scrapAllowance,
    ...(request.stationShare === undefined ? {} : { station_share: request.stationShare }),
    id_source: request.ids.source,
    sites: [...request.sites],
    stations: [...request.stations],
    opens_at: request.opensAt,
    closes_at: request.closesAt,
  };
}

/** The first of the IDs that an order lacks: as many as one decision allocates. @throws quota_exhausted, device_id_invalid */
export async function generatedIdDrafts(
  tx: Transaction<Tables>,
  by: Actor,
  orderId: string,
  { contract }: Pick<CheckedContract, 'contract'>,
  fields: IdFields,
  lacking: number,
  entropy: Entropy,
): Promise<Draft[]> {
  const count = Math.min(lacking, idsPerDecision);
  const deviceIds = await nextDeviceIds(tx, contract.identity.grammar, fields, count, entropy);
  return allocationDrafts(by, orderId, deviceIds);
}

function allocationDrafts(by: Actor, orderId: string, deviceIds: readonly string[]): Draft[] {
  const drafts: Draft[] = [];
  for (let at = 0; at < deviceIds.length; at += limits.idsPerLogEntry) {
    const data = { order_id: orderId, device_ids: deviceIds.slice(at, at + limits.idsPerLogEntry) };
    drafts.push({ type: 'order.ids-allocated', actor: by, data });
  }
  return drafts;
}

/** How many device IDs the order has. */
export async function countDevices(
  tx: Pick<Transaction<Tables>, 'selectFrom'>,
  orderId: string,
): Promise<number> {
  const { count } = await tx
    .selectFrom('device')
    .select((row) => row.fn.countAll<number>().as('count'))
    .where('order_id', '=', orderId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The orders of those IDs that are allocated. */
async function ordersOf(tx: Transaction<Tables>, deviceIds: readonly string[]): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (let at = 0; at < deviceIds.length; at += limits.idsPerLogEntry) {
    const rows = await tx
      .selectFrom('device')
      .select(['device_id', 'order_id'])
      .where('device_id', 'in', deviceIds.slice(at, at + limits.idsPerLogEntry))
      .execute();
    for (const row of rows) known.set(row.device_id, row.order_id);
  }
  return known;
}
