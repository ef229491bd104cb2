/**
 * Opens a job for a unit, or a new attempt of the job that the unit already has. Everything that a station may claim
 * (ID, order, hardware) is held against the registry here; a job is a lease, and no more than the quota is lent.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { FailureCode } from '@imprint/contract/failure-code';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { missingBefore, routeProgress } from '../registry/route.ts';
import { requireSamplesChecked } from '../registry/samples.ts';
import { statement } from '../storage/statement.ts';
import type { DeviceTable, ProductionOrderTable } from '../storage/tables.ts';
import { type AuthorizedStation, requireAssigned } from './authorize-station.ts';
import { requireFitting } from './fitting.ts';
import type { Job } from './job.ts';
import { leftJobs, requireKnownLane, requireLane } from './lane-limit.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { newId } from './new-id.ts';
import { newJobData } from './new-job-data.ts';
import { type Decided, decideOnce } from './once.ts';
import { requireOpenOrder, requireOrder } from './open-order.ts';
import { latestOutcomes } from './operations.ts';
import { presentJob } from './present-job.ts';
import { quotaExhausted, requireRoom } from './quota.ts';
import { acceptedHere, setAside, swappedBoard } from './rework.ts';
import { requireShift } from './shifts.ts';
import { findUnit, foreignIdentity, refuseNewcomer, type UnitFound } from './unit-identity.ts';

type OpenRequest = StationRequest<'openJob'>;
type Order = Selectable<ProductionOrderTable>;
type Device = Selectable<DeviceTable>;

/** What an opening stands on, once station, unit, order and contract are found to fit. */
interface Opening {
  reading: Reading;
  core: LineCore;
  station: AuthorizedStation;
  caller: StationCaller;
  request: OpenRequest;
  contract: ProvisioningContract;
  order: Order;
  operatorId: string;
  leaseUntil: string;
}

export interface OpenedJob {
  job_id: string;
  attempt: number;
}

/**
 * Guarantees: at most `lanes` live jobs a station; never more jobs than quota and share; a device ID and a unit are
 * bound to each other once and for all; the same `request_id` gives the same job and attempt.
 * @throws not_allocated, unknown_order, order_closed, quota_exhausted, lane_limit_reached, rate_limited, not_authorized,
 * wrong_site, evidence_wrong, job_state_wrong, unit_conflict, wrong_label, device_quarantined, device_returned, attempt_cap_reached,
 * shift_not_open, bad_request
 */
export function openJob(core: LineCore, caller: StationCaller, request: OpenRequest): Promise<OpenedJob> {
  return decideOnce<OpenedJob>(core.ledger, caller, 'openJob', request, async (reading, station) => {
    const operatorId = await requireShift(reading, station.stationId, request.shift_id);
    requireKnownLane(station, request.where.lane);
    const unit = await findUnit(reading, request.hardware_uid);
    if (unit.quarantined) throw setAside(`this unit is set aside: ${unit.reason}`);
    const device = await chooseDevice(reading, core, station, request, unit);
    const order = await requireOrder(reading, device.order_id);
    // before anything is set aside: a station does harm to no order but its own
    requireAssigned(station, order);
    const job = await presentJob(reading.tx, device);
    const contract = await core.contracts.get(reading.tx, order.contract_sha256);
    const stranger = unit.conflict ?? foreignUnit(device, job, contract, request);
    if (stranger) return refuseNewcomer(reading, caller, request.hardware_uid, stranger);
    const foreign = await foreignIdentity(reading, caller, request, device.device_id);
    if (foreign) return foreign;
    const accepted = await acceptedHere(reading, core, caller, device);
    requireFitting(contract, order, job, request);
    // A finished unit that is scanned again gets its receipt once more; nothing is opened and nothing is counted.
    if (job?.state === 'done') return { entries: [], outcome: { job_id: job.job_id, attempt: job.attempt } };
    const isRefurbished = device.state === 'refurbished' || accepted.length > 0;
    if (device.state !== 'allocated' && !isRefurbished) {
      throw new ImprintError(
        'job_state_wrong',
        `${device.device_id} is ${device.state}: it is not made anew`,
      );
    }
    await requireSamplesChecked(reading.tx, station.stationId, reading.now);
    const leaseUntil = requireOpenOrder(order, job, reading, isRefurbished);
    const left = (await leftJobs(reading, station)).filter(({ job_id }) => job_id !== job?.job_id);
    await requireLane(reading, core, station, job, left);
    if (device.issued === 0 && (job === undefined || job.state === 'opened')) {
      await requireRoom(reading, order, station.stationId, job);
    }
    const opening: Opening = {
      reading,
      core,
      station,
      caller,
      request,
      contract,
      order,
      operatorId,
      leaseUntil,
    };
    const decided = job ? await openAttempt(opening, job) : await openNew(opening, device);
    const ended = left.map((each) => brokenOff(caller, each, 'the station began anew during this attempt'));
    return { ...decided, entries: [...ended, ...accepted, ...decided.entries] };
  });
}

/** Why this board is not the device's, if it is not: the two are bound for ever, save where a refurbished device may get another. */
function foreignUnit(
  device: Device,
  job: Job | undefined,
  { rework }: ProvisioningContract,
  request: OpenRequest,
): string | undefined {
  const bound = job?.hardware_uid ?? device.hardware_uid;
  if (bound === null || bound === hardwareUidText(request.hardware_uid)) return undefined;
  const cameBack = device.state === 'refurbished' || device.state === 'returned';
  const isReplaced = job === undefined && cameBack && rework.board_swap === 'allowed';
  return isReplaced ? undefined : `${device.device_id} belongs to another unit already`;
}

async function chooseDevice(
  reading: Reading,
  core: LineCore,
  station: AuthorizedStation,
  request: OpenRequest,
  unit: UnitFound,
): Promise<Device> {
  const scanned = request.device_id;
  if (unit.deviceId !== null && scanned !== null && unit.deviceId !== scanned) {
    throw new ImprintError('wrong_label', `this unit is ${unit.deviceId}, and the label says ${scanned}`, {
      hint: `Scan the label ${unit.deviceId}, or put the unit that belongs to ${scanned} into the fixture.`,
    });
  }
  const wanted = scanned ?? unit.deviceId;
  if (wanted === null) return nextFreeDevice(reading, core, station, request.order_id);
  const [device] = (await selectDevice(reading.tx, { device_id: wanted })).rows;
  if (!device) {
    throw new ImprintError('not_allocated', `${wanted} is in no order`, {
      hint: 'Check that the label belongs to this product and lot.',
    });
  }
  if (request.order_id !== null && request.order_id !== device.order_id) {
    throw new ImprintError(
      'not_allocated',
      `${wanted} belongs to order ${device.order_id}, not to ${request.order_id}`,
      {
        hint: 'Check which lot this label is from.',
      },
    );
  }
  return device;
}

async function nextFreeDevice(
  reading: Reading,
  core: LineCore,
  station: AuthorizedStation,
  orderId: string | null,
): Promise<Device> {
  if (orderId === null) {
    throw new ImprintError('bad_request', 'neither a device ID nor an order was named', {
      hint: 'Scan a label, or choose the order at the station.',
    });
  }
  const order = await requireOrder(reading, orderId);
  requireAssigned(station, order);
  const contract = await core.contracts.get(reading.tx, order.contract_sha256);
  if (contract.label.mode === 'preprinted') {
    throw new ImprintError('bad_request', `labels of order ${orderId} are printed beforehand`, {
      hint: 'Scan the label on the unit.',
    });
  }
  const device = await reading.tx
    .selectFrom('device')
    .selectAll()
    .where('order_id', '=', orderId)
    .where('state', '=', 'allocated')
    .where('job_id', 'is', null)
    .orderBy('device_id')
    .limit(1)
    .executeTakeFirst();
  if (!device) throw quotaExhausted(order);
  return device;
}

async function openNew(opening: Opening, device: Device): Promise<Decided<OpenedJob>> {
  const { reading, core, caller, request, contract, order } = opening;
  if (request.operation !== 'provision') {
    throw new ImprintError('job_state_wrong', `${device.device_id} was not provisioned yet`, {
      hint: 'Take the unit to the provisioning station first.',
    });
  }
  const jobId = newId('j', reading.now, core.entropy);
  const opened: Draft = {
    type: 'job.opened',
    actor: { kind: 'station', id: caller.stationId },
    data: newJobData(core, contract, order, { jobId, deviceId: device.device_id, request }),
  };
  const swapped = await swappedBoard(reading, caller, device, request);
  return {
    entries: [...swapped, opened, attemptStarted(opening, jobId, 1)],
    outcome: { job_id: jobId, attempt: 1 },
  };
}

async function openAttempt(opening: Opening, job: Job): Promise<Decided<OpenedJob>> {
  const { reading, caller, request, contract } = opening;
  if (job.state === 'quarantined' || job.state === 'abandoned') {
    throw setAside(`the job of ${job.device_id} is ${job.state}: ${job.reason}`);
  }
  if (request.operation === 'seal') await requireSealVisit(reading, contract, job);
  const entries: Draft[] = [];
  if (job.active === 1) {
    entries.push(brokenOff(caller, job, 'the attempt was broken off and another one began'));
  }
  const failed = await failedAttempts(reading, job.job_id);
  if (failed >= contract.rework.attempts_cap) {
    throw new ImprintError('attempt_cap_reached', `${job.device_id} failed ${failed} times`, {
      hint: 'Put the unit into the quarantine box; a line lead decides.',
    });
  }
  const attempt = job.attempt + 1;
  entries.push(attemptStarted(opening, job.job_id, attempt));
  return { entries, outcome: { job_id: job.job_id, attempt } };
}

/** An attempt that nobody is at work on any more; it does not count as the unit's failure. */
function brokenOff(
  { stationId }: StationCaller,
  { job_id, attempt }: Pick<Job, 'job_id' | 'attempt'>,
  reason: string,
): Draft {
  return {
    type: 'attempt.ended',
    actor: { kind: 'station', id: stationId },
    data: {
      job_id,
      attempt,
      outcome: 'failed',
      step: null,
      failure_code: 'station_failed',
      reason,
      durations_ms: {},
    },
  };
}

/** A visit to seal begins with a unit that has passed all that comes before sealing; none is keyed in it. */
async function requireSealVisit(reading: Reading, contract: ProvisioningContract, job: Job): Promise<void> {
  const progress = routeProgress(contract, job.state, await latestOutcomes(reading.tx, job));
  const missing = missingBefore(progress, 'seal');
  if (missing.length === 0) return;
  throw new ImprintError('job_state_wrong', `${job.device_id} did not pass ${missing.join(', ')} yet`, {
    hint: 'Take the unit through that operation first.',
  });
}

/** Failures that say nothing of the unit: the station ended, or the network was dead. A unit is not lost for them (I-29). */
const notTheUnits = ['station_failed', 'authority_unreachable'] as const;

/** Whether a failed attempt counts towards the rework cap. */
export function countsAgainstUnit(failureCode: FailureCode | null): boolean {
  return !notTheUnits.some((code) => code === failureCode);
}

/** The attempts that {@link countsAgainstUnit} so far. */
export async function failedAttempts(reading: Reading, jobId: string): Promise<number> {
  const row = await reading.tx
    .selectFrom('attempt')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('job_id', '=', jobId)
    .where('outcome', '=', 'failed')
    .where((eb) => eb.or([eb('failure_code', 'is', null), eb('failure_code', 'not in', notTheUnits)]))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

function attemptStarted(
  { station, caller, request, operatorId, leaseUntil }: Opening,
  jobId: string,
  attempt: number,
): Draft {
  return {
    type: 'attempt.started',
    actor: { kind: 'station', id: caller.stationId },
    data: {
      job_id: jobId,
      attempt,
      operation: request.operation,
      station_id: station.stationId,
      site: station.site,
      where: request.where,
      operator_id: operatorId,
      station_version: station.version,
      station_configuration_sha256: station.configurationSha256,
      firmware: request.firmware,
      lease_expires_at: leaseUntil,
    },
  };
}

const selectDevice = statement<{ device_id: string }, Device>((db, arg) =>
  db.selectFrom('device').selectAll().where('device_id', '=', arg('device_id')),
);
