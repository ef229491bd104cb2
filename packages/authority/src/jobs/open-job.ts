/**
 * Opens a job for a unit, or a new attempt of the job that the unit already has. Everything that a station may claim
 * (ID, order, hardware) is held against the registry here; a job is a lease, and no more than the quota is lent.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { factoryConfigText } from '@imprint/contract/factory-config';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { manifestFromContract, pinManifest } from '@imprint/contract/job-manifest';
import { limits } from '@imprint/contract/limits';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import type { DeviceTable, JobTable, ProductionOrderTable } from '../storage/tables.ts';
import { type AuthorizedStation, requireAssigned } from './authorize-station.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { type Decided, decideOnce } from './once.ts';
import { requireShift } from './shifts.ts';
import { findUnit, foreignIdentity, refuseNewcomer, type UnitFound } from './unit-identity.ts';

type OpenRequest = StationRequest<'openJob'>;
type Order = Selectable<ProductionOrderTable>;
type Device = Selectable<DeviceTable>;
type Job = Selectable<JobTable>;

/** What an opening stands on, once station, unit, order and contract are found to fit. */
interface Opening {
  reading: Reading;
  core: LineCore;
  station: AuthorizedStation;
  caller: StationCaller;
  request: OpenRequest;
  contract: ProvisioningContract;
  operatorId: string;
}

export interface OpenedJob {
  job_id: string;
  attempt: number;
}

/**
 * Guarantees: at most `lanes` live jobs a station; never more jobs than quota; a device ID and a unit are bound to
 * each other once and for all; the same `request_id` gives the same job and attempt.
 * @throws not_allocated, unknown_order, order_closed, quota_exhausted, lane_limit_reached, rate_limited,
 * unit_conflict, device_quarantined, attempt_cap_reached, shift_not_open, bad_request
 */
export function openJob(core: LineCore, caller: StationCaller, request: OpenRequest): Promise<OpenedJob> {
  return decideOnce<OpenedJob>(core.ledger, caller, 'openJob', request, async (reading, station) => {
    const operatorId = await requireShift(reading, station.stationId, request.shift_id);
    const unit = await findUnit(reading, request.hardware_uid);
    if (unit.conflict) return refuseNewcomer(caller, request.hardware_uid, unit.conflict);
    if (unit.quarantined) {
      throw new ImprintError('device_quarantined', `this unit is set aside: ${unit.reason}`, {
        hint: 'Put it into the quarantine box; a line lead decides.',
      });
    }
    const device = await chooseDevice(reading, core, station, request, unit);
    const foreign = await foreignIdentity(reading, caller, request, device.device_id);
    if (foreign) return foreign;
    if (device.state === 'quarantined' || device.state === 'scrapped') {
      throw new ImprintError('device_quarantined', `${device.device_id} is ${device.state}`, {
        hint: 'Put the unit into the quarantine box; a line lead decides.',
      });
    }
    const order = await requireOrder(reading, device.order_id);
    requireAssigned(station, order);
    const job = await findJob(reading, device);
    if (job && job.hardware_uid !== hardwareUidText(request.hardware_uid)) {
      return refuseNewcomer(
        caller,
        request.hardware_uid,
        `${device.device_id} belongs to another unit already`,
      );
    }
    const contract = await core.contracts.get(reading.tx, order.contract_sha256);
    requireFitting(contract, order, request);
    // A finished unit that is scanned again gets its receipt once more; nothing is opened and nothing is counted.
    if (job?.state === 'done') return { entries: [], outcome: { job_id: job.job_id, attempt: job.attempt } };
    requireOpenOrder(order, job, reading.at);
    await requireLane(reading, core, station, job);
    const opening: Opening = { reading, core, station, caller, request, contract, operatorId };
    return job ? openAttempt(opening, job) : openNew(opening, order, device);
  });
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
    throw new ImprintError('unit_conflict', `this unit is ${unit.deviceId}, and the label says ${scanned}`, {
      hint: `Scan the label ${unit.deviceId}, or put the unit that belongs to ${scanned} into the fixture.`,
    });
  }
  const wanted = scanned ?? unit.deviceId;
  if (wanted === null) return nextFreeDevice(reading, core, station, request.order_id);
  const device = await reading.tx
    .selectFrom('device')
    .selectAll()
    .where('device_id', '=', wanted)
    .executeTakeFirst();
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

async function requireOrder(reading: Reading, orderId: string): Promise<Order> {
  const order = await reading.tx
    .selectFrom('production_order')
    .selectAll()
    .where('order_id', '=', orderId)
    .executeTakeFirst();
  if (!order) throw new ImprintError('unknown_order', `there is no order ${orderId}`);
  return order;
}

async function findJob(reading: Reading, device: Device): Promise<Job | undefined> {
  if (device.job_id === null) return undefined;
  return reading.tx.selectFrom('job').selectAll().where('job_id', '=', device.job_id).executeTakeFirst();
}

function requireFitting(contract: ProvisioningContract, order: Order, request: OpenRequest): void {
  const revisions = JSON.parse(order.hardware_revisions) as string[];
  if (!revisions.includes(request.hw_rev)) {
    throw new ImprintError(
      'evidence_wrong',
      `the unit has hardware revision ${request.hw_rev}; order ${order.order_id} takes ${revisions.join(', ')}`,
      { hint: 'Take the unit out and check which board this is.' },
    );
  }
  const { firmware } = contract;
  const found = request.firmware;
  if (found.build_id !== firmware.build_id || found.sha256 !== firmware.sha256) {
    throw new ImprintError(
      'evidence_wrong',
      `the unit runs firmware ${found.build_id}; the contract asks for ${firmware.build_id} with the hash ${firmware.sha256.slice(0, 12)}…`,
      { hint: 'Flash the firmware of the contract and scan again.' },
    );
  }
  if (found.rollback_counter < firmware.rollback_counter) {
    throw new ImprintError(
      'evidence_wrong',
      `the unit's roll-back counter is ${found.rollback_counter}; the contract asks for ${firmware.rollback_counter} or more`,
      { hint: 'Flash the firmware of the contract and scan again.' },
    );
  }
}

/** An order takes new jobs while it is open; a job of a closed one may finish within its lease. */
function requireOpenOrder(order: Order, job: Job | undefined, at: string): void {
  if (at < order.opens_at) {
    throw new ImprintError('order_closed', `order ${order.order_id} opens at ${order.opens_at}`);
  }
  const closed = order.closed_at !== null || at >= order.closes_at;
  if (closed && !(job && job.lease_expires_at > at)) {
    throw new ImprintError(
      'order_closed',
      `order ${order.order_id} is closed since ${order.closed_at ?? order.closes_at}`,
      {
        hint: 'Ask the line lead which order this unit belongs to.',
      },
    );
  }
}

async function requireLane(
  reading: Reading,
  core: LineCore,
  station: AuthorizedStation,
  job: Job | undefined,
): Promise<void> {
  const live = await reading.tx
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('station_id', '=', station.stationId)
    .where('active', '=', 1)
    .where('lease_expires_at', '>', reading.at)
    .where('job_id', '!=', job?.job_id ?? '')
    .executeTakeFirstOrThrow();
  if (Number(live.count) >= station.lanes) {
    throw new ImprintError(
      'lane_limit_reached',
      `station ${station.stationId} has ${live.count} jobs open and ${station.lanes} lanes`,
      { hint: 'Finish the units that are in the fixtures first.' },
    );
  }
  const minuteAgo = new Date(reading.now.getTime() - 60_000).toISOString();
  const recent = await reading.tx
    .selectFrom('attempt')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('station_id', '=', station.stationId)
    .where('started_at', '>', minuteAgo)
    .executeTakeFirstOrThrow();
  if (Number(recent.count) >= station.lanes * core.jobsPerLaneAMinute) {
    throw new ImprintError(
      'rate_limited',
      `station ${station.stationId} opens jobs faster than its lanes can work`,
      {
        hint: 'Wait a minute. If the line really is this fast, ask for a higher rate.',
      },
    );
  }
}

async function openNew(opening: Opening, order: Order, device: Device): Promise<Decided<OpenedJob>> {
  const { reading, core, caller, request, contract } = opening;
  if (request.operation !== 'provision') {
    throw new ImprintError('job_state_wrong', `${device.device_id} was not provisioned yet`, {
      hint: 'Take the unit to the provisioning station first.',
    });
  }
  const promised = await reading.tx
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('order_id', '=', order.order_id)
    .where('state', '=', 'opened')
    .executeTakeFirstOrThrow();
  if (order.issued + Number(promised.count) >= order.quantity + order.scrap_allowance)
    throw quotaExhausted(order);
  const jobId = `j-${toHex(core.entropy(10))}`;
  const manifest = pinManifest(
    manifestFromContract(contract, order.contract_sha256, {
      deviceId: device.device_id,
      hwRev: request.hw_rev,
      sku: order.sku,
    }),
  );
  const opened: Draft = {
    type: 'job.opened',
    actor: { kind: 'station', id: caller.stationId },
    data: {
      job_id: jobId,
      order_id: order.order_id,
      device_id: device.device_id,
      hardware_uid: request.hardware_uid,
      sku: order.sku,
      hw_rev: request.hw_rev,
      contract_sha256: order.contract_sha256,
      manifest_sha256: manifest.sha256,
      manifest: manifest.text,
      factory_config: factoryConfigText({
        contract,
        contractSha256: order.contract_sha256,
        logId: core.logId,
        realm: core.realm,
        sku: order.sku,
        hwRev: request.hw_rev,
      }),
    },
  };
  return {
    entries: [opened, attemptStarted(opening, jobId, 1)],
    outcome: { job_id: jobId, attempt: 1 },
  };
}

async function openAttempt(opening: Opening, job: Job): Promise<Decided<OpenedJob>> {
  const { reading, caller, contract } = opening;
  if (job.state === 'quarantined' || job.state === 'abandoned') {
    throw new ImprintError(
      'device_quarantined',
      `the job of ${job.device_id} is ${job.state}: ${job.reason}`,
      {
        hint: 'Put the unit into the quarantine box; a line lead decides.',
      },
    );
  }
  const entries: Draft[] = [];
  if (job.active === 1) {
    entries.push({
      type: 'attempt.ended',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        job_id: job.job_id,
        attempt: job.attempt,
        outcome: 'failed',
        step: null,
        failure_code: 'station_failed',
        reason: 'the attempt was broken off and another one began',
        durations_ms: {},
      },
    });
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

/** Attempts that count towards the rework cap: those that failed on the unit, not those that a station broke off. */
export async function failedAttempts(reading: Reading, jobId: string): Promise<number> {
  const row = await reading.tx
    .selectFrom('attempt')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('job_id', '=', jobId)
    .where('outcome', '=', 'failed')
    .where('failure_code', '!=', 'station_failed')
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

function attemptStarted(
  { reading, station, caller, request, operatorId }: Opening,
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
      lease_expires_at: new Date(reading.now.getTime() + limits.jobLeaseMs).toISOString(),
    },
  };
}

function quotaExhausted(order: Order): ImprintError {
  return new ImprintError(
    'quota_exhausted',
    `order ${order.order_id} is full: ${order.quantity} units and ${order.scrap_allowance} for scrap`,
    { hint: 'Ask the line lead for a further order.' },
  );
}
