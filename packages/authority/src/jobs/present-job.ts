/**
 * The job that a device is in now. One that was abandoned, or that was opened before the device came back from the field
 * for the last time, is history: the device waits for another one.
 */
import type { Kysely, Selectable } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { DeviceHistoryTable, DeviceTable, Tables } from '../storage/tables.ts';
import type { Job } from './job.ts';

type Known = Pick<Selectable<DeviceTable>, 'device_id' | 'job_id' | 'rma_count'>;

/** Undefined where the device has none, or only former ones. */
export async function presentJob(db: Kysely<Tables>, device: Known): Promise<Job | undefined> {
  if (device.job_id === null) return undefined;
  const [job] = (await selectJob(db, { job_id: device.job_id })).rows;
  if (job === undefined || job.state === 'abandoned') return undefined;
  // a device that never came back has one life, and no look at its history is needed
  if (device.rma_count > 0 && (await openedBeforeReturn(db, job))) return undefined;
  return job;
}

async function openedBeforeReturn(db: Kysely<Tables>, job: Job): Promise<boolean> {
  const opened = await newest(db, { device_id: job.device_id, field: 'job_id', value: job.job_id });
  const returned = await newest(db, { device_id: job.device_id, field: 'state', value: 'returned' });
  return opened < returned;
}

async function newest(
  db: Kysely<Tables>,
  change: Pick<DeviceHistoryTable, 'device_id' | 'field' | 'value'>,
): Promise<number> {
  return (await selectNewest(db, change)).rows[0]?.log_index ?? -1;
}

const selectJob = statement<{ job_id: string }, Job>((db, arg) =>
  db.selectFrom('job').selectAll().where('job_id', '=', arg('job_id')),
);

const selectNewest = statement<
  Pick<DeviceHistoryTable, 'device_id' | 'field' | 'value'>,
  Pick<DeviceHistoryTable, 'log_index'>
>((db, arg) =>
  db
    .selectFrom('device_history')
    .select('log_index')
    .where('device_id', '=', arg('device_id'))
    .where('field', '=', arg('field'))
    .where('value', '=', arg('value'))
    .orderBy('log_index', 'desc')
    .limit(1),
);
