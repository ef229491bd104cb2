/**
 * How many identities an order gives, and how many of them one station may make: counted by device ID, so that no retry
 * counts twice and no crash leaks one (I-23). A compromised station gets no more than its share (I-21).
 */
import { ImprintError } from '@imprint/contract/errors';
import type { Selectable } from 'kysely';
import type { Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { DeviceTable, ProductionOrderTable } from '../storage/tables.ts';
import type { Job } from './job.ts';
import { requireOrder } from './open-order.ts';

type Order = Selectable<ProductionOrderTable>;

/**
 * Room in the order and in the station's share of it for a unit that has no certificate yet: beside what is issued,
 * what is promised to live jobs counts. A promise ends with its lease, so that a dead unit holds nothing.
 * @param job the unit's own job, where it has one already
 * @throws quota_exhausted
 */
export async function requireRoom(
  reading: Reading,
  order: Order,
  stationId: string,
  job: Job | undefined,
): Promise<void> {
  const others = { order_id: order.order_id, at: reading.at, job_id: job?.job_id ?? '' };
  const [promised] = (await countPromised(reading.tx, others)).rows;
  if (order.issued + Number(promised!.count) >= quotaOf(order)) throw quotaExhausted(order);
  await requireShare(reading, order, stationId, job?.device_id ?? '', 'issued and promised');
}

/**
 * The last word before a key is certified. A device ID that has an intent already is in the order's count, whatever
 * became of it; a station's share counts it anew where another station had it before. What people accepted for refurbishing
 * is no part of a production: neither count is asked.
 * @throws quota_exhausted
 */
export async function requireQuota(reading: Reading, job: Job): Promise<void> {
  const order = await requireOrder(reading, job.order_id);
  const device = (await selectIssued(reading.tx, { device_id: job.device_id })).rows[0]!;
  if (device.state === 'refurbished') return;
  if (device.issued === 0 && order.issued >= quotaOf(order)) throw quotaExhausted(order);
  await requireShare(reading, order, job.station_id, job.device_id, 'issued');
}

/** The number of device IDs that may be issued for an order. */
export function quotaOf(order: Pick<Order, 'quantity' | 'scrap_allowance'>): number {
  return order.quantity + order.scrap_allowance;
}

export function quotaExhausted(order: Order): ImprintError {
  return new ImprintError(
    'quota_exhausted',
    `order ${order.order_id} is full: ${order.quantity} units and ${order.scrap_allowance} for scrap`,
    { hint: 'Ask the line lead for a further order.' },
  );
}

/** Every device that this station ever provisioned counts as its own, also one that it took over from another. */
async function requireShare(
  reading: Reading,
  order: Order,
  stationId: string,
  exceptDeviceId: string,
  counted: 'issued' | 'issued and promised',
): Promise<void> {
  if (order.station_share === null) return;
  const { count } = await reading.tx
    .selectFrom('attempt')
    .innerJoin('job', 'job.job_id', 'attempt.job_id')
    .innerJoin('device', 'device.device_id', 'job.device_id')
    .select((eb) => eb.fn.count<number>('job.device_id').distinct().as('count'))
    .where('attempt.station_id', '=', stationId)
    .where('attempt.operation', '=', 'provision')
    .where('job.order_id', '=', order.order_id)
    .where('job.device_id', '!=', exceptDeviceId)
    .where((eb) => {
      const issued = eb('device.issued', '=', 1);
      if (counted === 'issued') return issued;
      const promised = eb.and([
        eb('job.active', '=', 1),
        eb('job.station_id', '=', stationId),
        eb('job.lease_expires_at', '>', reading.at),
      ]);
      return eb.or([issued, promised]);
    })
    .executeTakeFirstOrThrow();
  if (Number(count) < order.station_share) return;
  throw new ImprintError(
    'quota_exhausted',
    `station ${stationId} has used its share of order ${order.order_id}: ${order.station_share} units`,
    { hint: 'Let another station go on, or ask the line lead for a further order.' },
  );
}

const countPromised = statement<{ order_id: string; at: string; job_id: string }, { count: number }>(
  (db, arg) =>
    db
      .selectFrom('job')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('order_id', '=', arg('order_id'))
      .where('state', '=', 'opened')
      .where('active', '=', 1)
      .where('lease_expires_at', '>', arg('at'))
      .where('job_id', '!=', arg('job_id'))
      // work on a device that is in the order's count already promises nothing more of it
      .where(
        (device) =>
          device
            .selectFrom('device')
            .select('device.issued')
            .whereRef('device.device_id', '=', 'job.device_id'),
        '=',
        0,
      ),
);

const selectIssued = statement<{ device_id: string }, Pick<DeviceTable, 'issued' | 'state'>>((db, arg) =>
  db.selectFrom('device').select(['issued', 'state']).where('device_id', '=', arg('device_id')),
);
