/** The order that a unit is made for: known, and open, or at least the unit's job still within the lease that it has. */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Selectable } from 'kysely';
import type { Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { ProductionOrderTable } from '../storage/tables.ts';
import type { Job } from './job.ts';

type Order = Selectable<ProductionOrderTable>;

/** @throws unknown_order */
export async function requireOrder(reading: Reading, orderId: string): Promise<Order> {
  const [order] = (await selectOrder(reading.tx, { order_id: orderId })).rows;
  if (!order) throw new ImprintError('unknown_order', `there is no order ${orderId}`);
  return order;
}

/**
 * An order takes new jobs while it is open. A job of a closed one may finish within the lease that it has: however often
 * it is begun again, the lease is not made longer. A device that people accepted for refurbishing is under their word, and not
 * under the order's, which was closed long ago. Gives when the attempt's lease ends.
 */
export function requireOpenOrder(
  order: Order,
  job: Job | undefined,
  { now, at }: Reading,
  isRefurbished: boolean,
): string {
  if (isRefurbished) return new Date(now.getTime() + limits.jobLeaseMs).toISOString();
  if (at < order.opens_at) {
    throw new ImprintError('order_closed', `order ${order.order_id} opens at ${order.opens_at}`);
  }
  const closed = order.closed_at !== null || at >= order.closes_at;
  if (!closed) return new Date(now.getTime() + limits.jobLeaseMs).toISOString();
  if (job && job.lease_expires_at > at) return job.lease_expires_at;
  throw new ImprintError(
    'order_closed',
    `order ${order.order_id} is closed since ${order.closed_at ?? order.closes_at}`,
    { hint: 'Ask the line lead which order this unit belongs to.' },
  );
}

const selectOrder = statement<{ order_id: string }, Order>((db, arg) =>
  db.selectFrom('production_order').selectAll().where('order_id', '=', arg('order_id')),
);
