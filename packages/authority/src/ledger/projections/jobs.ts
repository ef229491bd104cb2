/** Entries of jobs and their attempts: what happens to one unit between its first scan and done. */
import { canonicalJson } from '@imprint/contract/canonical-json';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import type { Kysely } from 'kysely';
import { statement } from '../../storage/statement.ts';
import type { AttemptTable, JobTable, Tables } from '../../storage/tables.ts';
import { dropDocuments, writeDocument } from './job-documents.ts';
import { moveJob } from './job-move.ts';
import { mustChangeOne, type Projections, recordChange } from './projections.ts';

type JobEntries =
  | 'job.opened'
  | 'attempt.started'
  | 'attempt.ended'
  | 'job.written'
  | 'job.proven'
  | 'job.sealed'
  | 'job.completed'
  | 'job.quarantined'
  | 'job.abandoned';

export const jobProjections: Projections<JobEntries> = {
  'job.opened': async (tx, entry, index) => {
    const { hardware_uid: parts, manifest, factory_config, ...data } = entry.data;
    const hardwareUid = hardwareUidText(parts);
    const { job_id, device_id } = data;
    await insertJob(tx, {
      ...data,
      hardware_uid: hardwareUid,
      hardware_uid_parts: canonicalJson(parts),
      opened_at: entry.at,
      opened_index: index,
    });
    await writeDocument(tx, { job_id, kind: 'manifest', text: manifest });
    await writeDocument(tx, { job_id, kind: 'factory_config', text: factory_config });
    await bindUnit(tx, { hardware_uid: hardwareUid, device_id });
    await claimParts(tx, hardwareUid, parts);
    mustChangeOne(
      await bindDevice(tx, { device_id, job_id, hardware_uid: hardwareUid }),
      'unknown_device',
      `there is no device ${device_id}`,
    );
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'job_id', value: job_id });
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'hardware_uid', value: hardwareUid });
  },

  'attempt.started': async (tx, entry, index) => {
    const { where, firmware, lease_expires_at, ...attempt } = entry.data;
    await insertAttempt(tx, {
      ...attempt,
      log_index: index,
      lane: where.lane,
      carrier: where.carrier,
      position: where.position,
      firmware_build_id: firmware.build_id,
      firmware_sha256: firmware.sha256,
      rollback_counter: firmware.rollback_counter,
      started_at: entry.at,
    });
    const { rows } = await takeJob(tx, {
      job_id: attempt.job_id,
      attempt: attempt.attempt,
      station_id: attempt.station_id,
      lease_expires_at,
    });
    mustChangeOne({ rows }, 'job_not_open', `job ${attempt.job_id} is not open`);
    const deviceId = rows[0]!.device_id;
    await recordChange(tx, entry, index, {
      deviceId,
      field: 'station',
      value: `${attempt.site}/${attempt.station_id}`,
      reason: `${attempt.operation}, attempt ${attempt.attempt}`,
    });
    await recordChange(tx, entry, index, { deviceId, field: 'firmware', value: firmware.build_id });
  },

  'attempt.ended': async (tx, { at, data }) => {
    mustChangeOne(
      await endAttempt(tx, {
        ...data,
        durations_ms: canonicalJson(data.durations_ms),
        ended_at: at,
      }),
      'job_state_wrong',
      `attempt ${data.attempt} of job ${data.job_id} is not under way`,
    );
    await leaveLane(tx, { job_id: data.job_id, attempt: data.attempt });
  },

  'job.written': async (tx, { data }, index) => {
    await moveJob(tx, data.job_id, 'written', { written_index: index });
    await writeDocument(tx, { job_id: data.job_id, kind: 'written', text: canonicalJson(data) });
  },
  'job.proven': async (tx, { data }, index) => {
    await moveJob(tx, data.job_id, 'proven', { proven_index: index });
    await writeDocument(tx, { job_id: data.job_id, kind: 'proven', text: canonicalJson(data) });
  },
  'job.sealed': async (tx, { data }, index) => {
    await moveJob(tx, data.job_id, 'sealed', { sealed_index: index });
    await writeDocument(tx, { job_id: data.job_id, kind: 'sealed', text: canonicalJson(data) });
  },

  'job.completed': async (tx, entry, index) => {
    const { data, at } = entry;
    const { job_id, device_id } = data;
    const { attempt } = await moveJob(tx, job_id, 'done', { active: 0, ended_at: at });
    await dropDocuments(tx, { job_id });
    await endAttempt(tx, {
      job_id,
      attempt,
      outcome: 'passed',
      step: null,
      failure_code: null,
      reason: null,
      durations_ms: canonicalJson(data.reported.durations_ms),
      ended_at: at,
    });
    await completeDevice(tx, {
      device_id,
      completed_index: index,
      last_seen_firmware: data.attest.state.firmware_build_id,
    });
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'completed', value: job_id });
  },

  'job.quarantined': async (tx, entry, index) => {
    const { job_id, step, failure_code, reason } = entry.data;
    const { device_id, attempt } = await moveJob(tx, job_id, 'quarantined', {
      active: 0,
      ended_at: entry.at,
      quarantine_step: step,
      failure_code,
      reason,
    });
    await endAttempt(tx, {
      job_id,
      attempt,
      outcome: 'failed',
      step,
      failure_code,
      reason,
      durations_ms: null,
      ended_at: entry.at,
    });
    await recordChange(tx, entry, index, {
      deviceId: device_id,
      field: 'job',
      value: 'quarantined',
      reason: `${step}: ${reason}`,
    });
  },

  'job.abandoned': async (tx, entry, index) => {
    const { job_id, reason } = entry.data;
    const { device_id, attempt } = await moveJob(tx, job_id, 'abandoned', {
      active: 0,
      ended_at: entry.at,
      reason,
    });
    await endAttempt(tx, {
      job_id,
      attempt,
      outcome: 'failed',
      step: null,
      failure_code: null,
      reason,
      durations_ms: null,
      ended_at: entry.at,
    });
    await recordChange(tx, entry, index, { deviceId: device_id, field: 'job', value: 'abandoned', reason });
  },
};

/** Each part belongs to one unit for ever: a part that another unit showed before is refused. */
async function claimParts(tx: Kysely<Tables>, hardwareUid: string, parts: HardwareUid): Promise<void> {
  for (const { kind, value } of parts) {
    mustChangeOne(
      await claimPart(tx, { part: `${kind}=${value}`, hardware_uid: hardwareUid }),
      'unit_conflict',
      `${kind} ${value} belongs to another unit`,
    );
  }
}

type NewJob = Omit<
  JobTable,
  | 'state'
  | 'attempt'
  | 'active'
  | 'station_id'
  | 'lease_expires_at'
  | 'ended_at'
  | 'quarantine_step'
  | 'failure_code'
  | 'reason'
  | 'written_index'
  | 'proven_index'
  | 'sealed_index'
>;

const insertJob = statement<NewJob>((db, arg) =>
  db.insertInto('job').values({
    job_id: arg('job_id'),
    order_id: arg('order_id'),
    device_id: arg('device_id'),
    hardware_uid: arg('hardware_uid'),
    hardware_uid_parts: arg('hardware_uid_parts'),
    sku: arg('sku'),
    hw_rev: arg('hw_rev'),
    contract_sha256: arg('contract_sha256'),
    manifest_sha256: arg('manifest_sha256'),
    state: 'opened',
    // the first attempt fills these in, in the same decision
    attempt: 0,
    active: 0,
    station_id: '',
    lease_expires_at: '',
    opened_at: arg('opened_at'),
    ended_at: null,
    quarantine_step: null,
    failure_code: null,
    reason: null,
    opened_index: arg('opened_index'),
    written_index: null,
    proven_index: null,
    sealed_index: null,
  }),
);

const bindUnit = statement<{ hardware_uid: string; device_id: string }>((db, arg) =>
  db
    .insertInto('unit')
    .values({
      hardware_uid: arg('hardware_uid'),
      device_id: arg('device_id'),
      quarantined: 0,
      reason: null,
      quarantined_at: null,
      quarantined_by: null,
    })
    .onConflict((conflict) =>
      conflict.column('hardware_uid').doUpdateSet((row) => ({ device_id: row.ref('excluded.device_id') })),
    ),
);

const claimPart = statement<{ part: string; hardware_uid: string }>((db, arg) =>
  db
    .insertInto('unit_part')
    .values({ part: arg('part'), hardware_uid: arg('hardware_uid') })
    .onConflict((conflict) =>
      conflict
        .column('part')
        .doUpdateSet((row) => ({ hardware_uid: row.ref('excluded.hardware_uid') }))
        .whereRef('unit_part.hardware_uid', '=', 'excluded.hardware_uid'),
    ),
);

const bindDevice = statement<{ device_id: string; job_id: string; hardware_uid: string }>((db, arg) =>
  db
    .updateTable('device')
    .set({ job_id: arg('job_id'), hardware_uid: arg('hardware_uid') })
    .where('device_id', '=', arg('device_id')),
);

const insertAttempt = statement<
  Omit<AttemptTable, 'ended_at' | 'outcome' | 'step' | 'failure_code' | 'reason' | 'durations_ms'>
>((db, arg) =>
  db.insertInto('attempt').values({
    job_id: arg('job_id'),
    attempt: arg('attempt'),
    log_index: arg('log_index'),
    operation: arg('operation'),
    station_id: arg('station_id'),
    site: arg('site'),
    lane: arg('lane'),
    carrier: arg('carrier'),
    position: arg('position'),
    operator_id: arg('operator_id'),
    station_version: arg('station_version'),
    station_configuration_sha256: arg('station_configuration_sha256'),
    firmware_build_id: arg('firmware_build_id'),
    firmware_sha256: arg('firmware_sha256'),
    rollback_counter: arg('rollback_counter'),
    started_at: arg('started_at'),
    ended_at: null,
    outcome: null,
    step: null,
    failure_code: null,
    reason: null,
    durations_ms: null,
  }),
);

const takeJob = statement<
  { job_id: string; attempt: number; station_id: string; lease_expires_at: string },
  { device_id: string }
>((db, arg) =>
  db
    .updateTable('job')
    .set({
      attempt: arg('attempt'),
      active: 1,
      station_id: arg('station_id'),
      lease_expires_at: arg('lease_expires_at'),
    })
    .where('job_id', '=', arg('job_id'))
    .where('state', 'not in', ['done', 'quarantined', 'abandoned'])
    .returning('device_id'),
);

const endAttempt = statement<{
  job_id: string;
  attempt: number;
  outcome: 'passed' | 'failed';
  step: string | null;
  failure_code: AttemptTable['failure_code'];
  reason: string | null;
  durations_ms: string | null;
  ended_at: string;
}>((db, arg) =>
  db
    .updateTable('attempt')
    .set({
      outcome: arg('outcome'),
      step: arg('step'),
      failure_code: arg('failure_code'),
      reason: arg('reason'),
      durations_ms: arg('durations_ms'),
      ended_at: arg('ended_at'),
    })
    .where('job_id', '=', arg('job_id'))
    .where('attempt', '=', arg('attempt'))
    .where('ended_at', 'is', null),
);

const leaveLane = statement<{ job_id: string; attempt: number }>((db, arg) =>
  db
    .updateTable('job')
    .set({ active: 0 })
    .where('job_id', '=', arg('job_id'))
    .where('attempt', '=', arg('attempt')),
);

const completeDevice = statement<{ device_id: string; completed_index: number; last_seen_firmware: string }>(
  (db, arg) =>
    db
      .updateTable('device')
      .set({ completed_index: arg('completed_index'), last_seen_firmware: arg('last_seen_firmware') })
      .where('device_id', '=', arg('device_id')),
);
