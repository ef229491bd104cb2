/** What the log says of contracts, orders, and devices beyond their jobs. */
import { z } from 'zod';
import { lifecycleState } from '../../lifecycle.ts';
import { limits } from '../../limits.ts';
import { deviceIdText, hash, instant, name, sentence } from './fields.ts';

export const orderEntries = {
  'contract.registered': z.strictObject({
    contract_sha256: hash,
    product: name,
    revision: name,
    text: z.string().max(limits.yamlBytes),
  }),
  'order.created': z.strictObject({
    order_id: name,
    product: name,
    sku: name,
    lot: name,
    contract_sha256: hash,
    hardware_revisions: z.array(name).min(1).max(64),
    quantity: z.int().min(1).max(limits.orderQuantity),
    scrap_allowance: z.int().min(0).max(limits.orderQuantity),
    /** How many units of it one station may provision; absent: as many as there are. */
    station_share: z.optional(z.int().min(1).max(limits.orderQuantity)),
    id_source: z.enum(['generated', 'imported']),
    sites: z.array(name).max(64),
    stations: z.array(name).max(256),
    opens_at: instant,
    closes_at: instant,
  }),
  'order.ids-allocated': z.strictObject({
    order_id: name,
    device_ids: z.array(deviceIdText).min(1).max(limits.idsPerLogEntry),
  }),
  /** The order's numbers from then on: neither is less than before, and one is more (I-18). */
  'order.quota-raised': z.strictObject({
    order_id: name,
    quantity: z.int().min(1).max(limits.orderQuantity),
    scrap_allowance: z.int().min(0).max(limits.orderQuantity),
    reason: sentence,
  }),
  'order.closed': z.strictObject({ order_id: name, reason: sentence }),
  'device.transitioned': z.strictObject({
    device_id: deviceIdText,
    from: lifecycleState,
    to: lifecycleState,
    reason: sentence,
  }),
  /** This one device may leave the line with its debug port open, against its contract (I-18). */
  'device.debug-allowed': z.strictObject({
    device_id: deviceIdText,
    /** Null in the dev realm, where one person may act. */
    approval_id: z.nullable(name),
    reason: sentence,
  }),
  /** An external operation of the route, or `pack`, as an enrolled station reports it. */
  'operation.reported': z.strictObject({
    device_id: deviceIdText,
    operation: name,
    outcome: z.enum(['pass', 'fail']),
    station_id: name,
    operator_id: z.nullable(name),
    note: z.nullable(sentence),
  }),
  'sample.registered': z.strictObject({
    device_id: deviceIdText,
    kind: z.enum(['golden', 'must-fail']),
    check_every_minutes: z.int().min(1).max(100_000),
  }),
} as const;
