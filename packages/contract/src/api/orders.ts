/** Routes of production orders. */
import { z } from 'zod';
import { hash, instant, name } from '../audit/entry.ts';
import { lifecycleState } from '../lifecycle.ts';
import { limits } from '../limits.ts';
import type { Permission } from '../permission.ts';
import { route } from './route.ts';

const nothing = z.strictObject({});
const reason = z.strictObject({ reason: z.string().min(1).max(500) });
const units = z.int().min(1).max(limits.orderQuantity);
const scrap = z.int().min(0).max(limits.orderQuantity);
const stand = z.strictObject({ order_id: name, allocated: z.int(), quota: z.int() });
const order = z.strictObject({
  order_id: name,
  product: name,
  sku: name,
  lot: name,
  contract_sha256: hash,
  hardware_revisions: z.array(name),
  id_source: z.enum(['generated', 'imported']),
  sites: z.array(name),
  stations: z.array(name),
  opens_at: instant,
  closes_at: instant,
  created_at: instant,
  closed_at: z.nullable(instant),
  quantity: z.int(),
  scrap_allowance: z.int(),
  station_share: z.nullable(z.int()),
  quota: z.int(),
  issued: z.int(),
  remaining: z.int(),
});
const orderReport = order.extend({
  allocated: z.int(),
  devices: z.partialRecord(lifecycleState, z.int()),
  jobs: z.strictObject({ open: z.int(), done: z.int(), quarantined: z.int(), abandoned: z.int() }),
  yield: z.strictObject({
    ended: z.int(),
    first_pass: z.int(),
    retested: z.int(),
    scrapped: z.int(),
    first_pass_yield: z.nullable(z.number()),
    final_yield: z.nullable(z.number()),
  }),
});
const newOrder = z.strictObject({
  order_id: name,
  /** A contract of the registry. */
  contract_sha256: hash,
  sku: name,
  lot: name,
  quantity: units,
  scrap_allowance: scrap,
  station_share: z.optional(units),
  sites: z.array(name).max(64),
  stations: z.array(name).max(256),
  hardware_revisions: z.optional(z.array(name).min(1).max(64)),
  opens_at: instant,
  closes_at: instant,
  ids: z.discriminatedUnion('source', [
    z.strictObject({
      source: z.literal('generated'),
      year: z.int().min(2000).max(9999),
      site: z.optional(z.string().max(16)),
    }),
    z.strictObject({ source: z.literal('imported') }),
  ]),
});

export const orderRoutes = {
  listOrders: route(
    'GET',
    '/v1/orders',
    'Lists orders, the newest first.',
    nothing,
    z.strictObject({ orders: z.array(order) }),
  ),
  showOrder: route('GET', '/v1/orders/:order_id', 'Shows an order and its yield.', nothing, orderReport),
  createOrder: route('POST', '/v1/orders', 'Creates an order under a registered contract.', newOrder, stand),
  closeOrder: route('POST', '/v1/orders/:order_id/close', 'Closes an order.', reason, nothing),
  raiseQuota: route(
    'POST',
    '/v1/orders/:order_id/raise-quota',
    'Lets an open order give more units: the numbers that it has from then on. Takes a second person.',
    reason.extend({ quantity: units, scrap_allowance: scrap }),
    stand,
  ),
} as const;

export const orderPermissions: Record<keyof typeof orderRoutes, Permission> = {
  listOrders: 'order.read',
  showOrder: 'order.read',
  createOrder: 'order.manage',
  closeOrder: 'order.manage',
  raiseQuota: 'order.manage',
};
