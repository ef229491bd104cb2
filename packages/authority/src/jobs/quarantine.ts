/** Setting a device and its unit aside: from any state that is not finished, with step, code and reason. */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { FailureCode } from '@imprint/contract/failure-code';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import type { JobState } from '@imprint/contract/job-state';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { requireAssigned } from './authorize-station.ts';
import { requireJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { decideOnce } from './once.ts';
import { isWithinReach } from './reach.ts';
import { unknownBoardDrafts } from './unknown-board.ts';

export interface QuarantineReason {
  step: string;
  failure_code: FailureCode;
  reason: string;
}

/** The entries that set a device aside with its job and unit; none where it is finished or set aside already. */
export async function quarantineDrafts(
  reading: Reading,
  caller: StationCaller,
  deviceId: string,
  why: QuarantineReason,
): Promise<Draft[]> {
  const device = await reading.tx
    .selectFrom('device')
    .select(['state', 'job_id'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  const job =
    device?.job_id == null
      ? undefined
      : await reading.tx.selectFrom('job').selectAll().where('job_id', '=', device.job_id).executeTakeFirst();
  if (!device || !job || job.state === 'done' || job.state === 'quarantined' || job.state === 'abandoned')
    return [];
  const by: Draft['actor'] = { kind: 'station', id: caller.stationId };
  const drafts: Draft[] = [
    { type: 'job.quarantined', actor: by, data: { job_id: job.job_id, ...why } },
    {
      type: 'unit.quarantined',
      actor: by,
      data: { hardware_uid: JSON.parse(job.hardware_uid_parts) as HardwareUid, reason: why.reason },
    },
  ];
  if (device.state === 'allocated' || device.state === 'refurbished') {
    drafts.push({
      type: 'device.transitioned',
      actor: by,
      data: { device_id: deviceId, from: device.state, to: 'quarantined', reason: why.reason },
    });
  }
  return drafts;
}

/**
 * A station sets aside the unit of a job, and the other unit where two were mixed up.
 * @throws unknown_job, device_already_done, not_authorized, wrong_site
 */
export function quarantineJob(
  core: LineCore,
  caller: StationCaller,
  jobId: string,
  request: StationRequest<'quarantineJob'>,
) {
  return decideOnce<{ state: JobState }>(
    core.ledger,
    caller,
    `quarantineJob ${jobId}`,
    request,
    async (reading, station) => {
      const job = await requireJob(reading, jobId);
      const order = await reading.tx
        .selectFrom('production_order')
        .selectAll()
        .where('order_id', '=', job.order_id)
        .executeTakeFirstOrThrow();
      requireAssigned(station, order);
      if (job.state === 'done') {
        throw new ImprintError(
          'device_already_done',
          `${job.device_id} is done; a station cannot set it aside`,
        );
      }
      const { step, failure_code, reason } = request;
      const why = { step, failure_code, reason };
      const entries = await quarantineDrafts(reading, caller, job.device_id, why);
      if (request.other_unit)
        entries.push(...(await otherUnitDrafts(reading, caller, request.other_unit, why)));
      return { entries, outcome: { state: job.state === 'abandoned' ? 'abandoned' : 'quarantined' } };
    },
  );
}

async function otherUnitDrafts(
  reading: Reading,
  caller: StationCaller,
  uid: HardwareUid,
  why: QuarantineReason,
): Promise<Draft[]> {
  const unit = await reading.tx
    .selectFrom('unit')
    .select(['device_id', 'quarantined'])
    .where('hardware_uid', '=', hardwareUidText(uid))
    .executeTakeFirst();
  if (unit?.quarantined === 1) return [];
  if (unit?.device_id) {
    if (await isWithinReach(reading, caller, unit.device_id)) {
      return quarantineDrafts(reading, caller, unit.device_id, why);
    }
    return [
      {
        type: 'alarm.raised',
        actor: { kind: 'station', id: caller.stationId },
        data: {
          kind: 'foreign-identity',
          subject: caller.stationId,
          detail: `it says that a unit was mixed up with ${unit.device_id}, which is of an order that it does not work on`,
        },
      },
    ];
  }
  return unknownBoardDrafts(reading, caller, uid, why.reason);
}
