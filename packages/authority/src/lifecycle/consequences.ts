/**
 * What follows from a move along the lifecycle, in one place: which credentials end (I-7, I-14), what becomes of the job, and
 * whether the board itself is set aside or let go.
 */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { isOpenJob } from '@imprint/contract/job-state';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { Selectable } from 'kysely';
import type { Job } from '../jobs/job.ts';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, DeviceTable } from '../storage/tables.ts';

type RevocationReason = EntryData<'credential.revoked'>['reason'];

/** A device that comes here is trusted with nothing any more, whatever it held. */
const revokesAll: Partial<Record<LifecycleState, RevocationReason>> = {
  returned: 'custody-lost',
  lost: 'lost',
  retired: 'retired',
  scrapped: 'scrapped',
};

export interface Move {
  device: Selectable<DeviceTable>;
  /** Its newest job. */
  job: Job | undefined;
  to: LifecycleState;
  by: Actor;
  reason: string;
}

/** The entries before the move itself: revocations first, then job and board. */
export async function consequenceDrafts(reading: Reading, move: Move): Promise<Draft[]> {
  return [...(await revocations(reading, move)), ...jobDrafts(move), ...(await boardDrafts(reading, move))];
}

async function revocations(reading: Reading, { device, job, to, by }: Move): Promise<Draft[]> {
  const { rows } = await selectLive(reading.tx, { device_id: device.device_id });
  const reason = revokesAll[to];
  return rows.flatMap(({ credential_id, serial, job_id }): Draft[] => {
    const ends =
      reason ?? (leavesUnfinishedJob(device, job) && job_id === job?.job_id ? 'quarantined' : null);
    if (ends === null) return [];
    return [{ type: 'credential.revoked', actor: by, data: { credential_id, serial, reason: ends } }];
  });
}

/** Out of quarantine no unfinished work is taken up again: the device gets another job, and its unit another key. */
function leavesUnfinishedJob({ state }: Move['device'], job: Job | undefined): boolean {
  return state === 'quarantined' && job !== undefined && job.state !== 'done';
}

/** Work that nobody goes on with. What is done stays done. */
function jobDrafts({ device, job, to, by, reason }: Move): Draft[] {
  if (job === undefined || to === 'manufactured') return [];
  const ends = isOpenJob(job.state) || (job.state === 'quarantined' && device.state === 'quarantined');
  return ends ? [{ type: 'job.abandoned', actor: by, data: { job_id: job.job_id, reason } }] : [];
}

/** The board goes into the box with its device, out of it with its device, and stays in it once it is scrapped. */
async function boardDrafts(reading: Reading, { device, job, to, by, reason }: Move): Promise<Draft[]> {
  if (job === undefined) return [];
  const unit = await reading.tx
    .selectFrom('unit')
    .select('quarantined')
    .where('hardware_uid', '=', job.hardware_uid)
    .executeTakeFirst();
  const data = { hardware_uid: JSON.parse(job.hardware_uid_parts) as HardwareUid, reason };
  const isAside = unit?.quarantined === 1;
  if (to === 'quarantined' || to === 'scrapped') {
    return isAside ? [] : [{ type: 'unit.quarantined', actor: by, data }];
  }
  const isLetGo = device.state === 'quarantined' && to !== 'retired' && to !== 'lost';
  return isAside && isLetGo ? [{ type: 'unit.released', actor: by, data }] : [];
}

const selectLive = statement<
  { device_id: string },
  Pick<CredentialTable, 'credential_id' | 'serial' | 'job_id'>
>((db, arg) =>
  db
    .selectFrom('credential')
    .select(['credential_id', 'serial', 'job_id'])
    .where('device_id', '=', arg('device_id'))
    .where('status', 'in', ['intended', 'active', 'superseded'])
    .orderBy('intended_at')
    .orderBy('credential_id'),
);
