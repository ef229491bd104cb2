/** Operations of the route that others do: reported pass or fail by enrolled stations, in the route's order. */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { JobState } from '@imprint/contract/job-state';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Kysely } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { missingBefore, routeProgress } from '../registry/route.ts';
import { statement } from '../storage/statement.ts';
import type { OperationResultTable, Tables } from '../storage/tables.ts';
import { requireAssigned } from './authorize-station.ts';
import type { Job } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { decideOnce } from './once.ts';
import { requireOrder } from './open-order.ts';
import { presentJob } from './present-job.ts';
import { requireShift } from './shifts.ts';

/** The newest outcome of each operation that was reported since the device's job began: what an earlier one passed says nothing of it. */
export async function latestOutcomes(
  db: Kysely<Tables>,
  { device_id, job_id }: Pick<Job, 'device_id' | 'job_id'>,
): Promise<Map<string, 'pass' | 'fail'>> {
  const { rows } = await selectOutcomes(db, { device_id, job_id });
  return new Map(rows.map((row) => [row.operation, row.outcome]));
}

const selectOutcomes = statement<
  Pick<Job, 'device_id' | 'job_id'>,
  Pick<OperationResultTable, 'operation' | 'outcome'>
>((db, arg) =>
  db
    .selectFrom('operation_result')
    .select(['operation', 'outcome'])
    .where('device_id', '=', arg('device_id'))
    .where('log_index', '>', (first) =>
      first
        .selectFrom('attempt')
        .select('attempt.log_index')
        .where('attempt.job_id', '=', arg('job_id'))
        .where('attempt.attempt', '=', 1),
    )
    .orderBy('log_index'),
);

/**
 * The entry that makes a device manufactured, for the first time or refurbished, once every operation of its route is passed; none
 * where it is past that already.
 */
export function manufacturedDrafts(
  caller: StationCaller,
  contract: ProvisioningContract,
  { deviceId, state }: { deviceId: string; state: LifecycleState },
  jobState: JobState,
  latest: ReadonlyMap<string, 'pass' | 'fail'>,
): Draft[] {
  if (state !== 'allocated' && state !== 'refurbished') return [];
  if (!routeProgress(contract, jobState, latest).every((step) => step.passed)) return [];
  return [
    {
      type: 'device.transitioned',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        device_id: deviceId,
        from: state,
        to: 'manufactured',
        reason: 'every operation of its route is passed',
      },
    },
  ];
}

/** The present job of a device. @throws unknown_device, job_state_wrong */
export async function requireDeviceJob(
  reading: Reading,
  deviceId: string,
): Promise<{ job: Job; state: LifecycleState }> {
  const device = await reading.tx
    .selectFrom('device')
    .select(['device_id', 'job_id', 'state', 'rma_count'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  if (!device) throw new ImprintError('unknown_device', `there is no device ${deviceId}`);
  const job = await presentJob(reading.tx, device);
  if (job === undefined) {
    throw new ImprintError(
      'job_state_wrong',
      `${deviceId} was not provisioned ${device.rma_count > 0 ? 'since it came back' : 'yet'}`,
      { hint: 'Take the unit to the provisioning station first.' },
    );
  }
  return { job, state: device.state };
}

/** @throws device_quarantined: what people set aside or scrapped, the line does not go on with */
export function requireNotSetAside(deviceId: string, state: LifecycleState): void {
  if (['allocated', 'manufactured', 'stocked', 'refurbished'].includes(state)) return;
  throw new ImprintError('device_quarantined', `${deviceId} is ${state}`, {
    hint: 'Put the unit into the quarantine box; a line lead decides.',
  });
}

/**
 * @throws unknown_device, device_quarantined, unknown_route (not an external operation of this product), job_state_wrong (an earlier
 * operation is missing), not_authorized, wrong_site, shift_not_open
 */
export function reportOperation(
  core: LineCore,
  caller: StationCaller,
  request: StationRequest<'reportOperation'>,
) {
  return decideOnce<{ device_state: LifecycleState }>(
    core.ledger,
    caller,
    'reportOperation',
    request,
    async (reading, station) => {
      const operatorId = await requireShift(reading, station.stationId, request.shift_id);
      const { job, state } = await requireDeviceJob(reading, request.device_id);
      const order = await requireOrder(reading, job.order_id);
      requireAssigned(station, order);
      requireNotSetAside(request.device_id, state);
      const contract = await core.contracts.get(reading.tx, job.contract_sha256);
      const external = contract.route.some(
        (step) => step.operation === request.operation && step.external === true,
      );
      if (!external) {
        throw new ImprintError(
          'unknown_route',
          `${request.operation} is no external operation of ${contract.product}`,
          {
            hint: `Its route is ${contract.route.map((step) => step.operation).join(', ')}.`,
          },
        );
      }
      const latest = await latestOutcomes(reading.tx, job);
      const missing = missingBefore(routeProgress(contract, job.state, latest), request.operation);
      if (missing.length > 0) {
        throw new ImprintError(
          'job_state_wrong',
          `${request.device_id} did not pass ${missing.join(', ')} yet`,
          {
            hint: 'Take the unit through that operation first.',
          },
        );
      }
      const { device_id, operation, outcome, note } = request;
      const reported: Draft = {
        type: 'operation.reported',
        actor: { kind: 'station', id: caller.stationId },
        data: { device_id, operation, outcome, station_id: station.stationId, operator_id: operatorId, note },
      };
      latest.set(operation, outcome);
      const device = { deviceId: device_id, state };
      const moved = manufacturedDrafts(caller, contract, device, job.state, latest);
      return {
        entries: [reported, ...moved],
        outcome: { device_state: moved.length > 0 ? ('manufactured' as const) : state },
      };
    },
  );
}
