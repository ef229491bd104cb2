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
import { type Job, requireJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { decideOnce } from './once.ts';
import { requireOrder } from './open-order.ts';
import { requireShift } from './shifts.ts';

/** The newest outcome of each reported operation of a device. */
export async function latestOutcomes(
  db: Kysely<Tables>,
  deviceId: string,
): Promise<Map<string, 'pass' | 'fail'>> {
  const { rows } = await selectOutcomes(db, { device_id: deviceId });
  return new Map(rows.map((row) => [row.operation, row.outcome]));
}

const selectOutcomes = statement<{ device_id: string }, Pick<OperationResultTable, 'operation' | 'outcome'>>(
  (db, arg) =>
    db
      .selectFrom('operation_result')
      .select(['operation', 'outcome'])
      .where('device_id', '=', arg('device_id'))
      .orderBy('log_index'),
);

/** The entry that makes a device manufactured, once every operation of its route is passed. */
export function manufacturedDrafts(
  caller: StationCaller,
  contract: ProvisioningContract,
  deviceId: string,
  jobState: JobState,
  latest: ReadonlyMap<string, 'pass' | 'fail'>,
): Draft[] {
  if (!routeProgress(contract, jobState, latest).every((step) => step.passed)) return [];
  return [
    {
      type: 'device.transitioned',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        device_id: deviceId,
        from: 'allocated',
        to: 'manufactured',
        reason: 'every operation of its route is passed',
      },
    },
  ];
}

/** The job of a device. @throws unknown_device, job_state_wrong */
export async function requireDeviceJob(
  reading: Reading,
  deviceId: string,
): Promise<{ job: Job; state: LifecycleState }> {
  const device = await reading.tx
    .selectFrom('device')
    .select(['job_id', 'state'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  if (!device) throw new ImprintError('unknown_device', `there is no device ${deviceId}`);
  if (device.job_id === null) {
    throw new ImprintError('job_state_wrong', `${deviceId} was not provisioned yet`, {
      hint: 'Take the unit to the provisioning station first.',
    });
  }
  return { job: await requireJob(reading, device.job_id), state: device.state };
}

/** @throws device_quarantined: what people set aside or scrapped, the line does not go on with */
export function requireNotSetAside(deviceId: string, state: LifecycleState): void {
  if (state === 'allocated' || state === 'manufactured' || state === 'stocked') return;
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
      const latest = await latestOutcomes(reading.tx, request.device_id);
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
      const moved =
        state === 'allocated' ? manufacturedDrafts(caller, contract, device_id, job.state, latest) : [];
      return {
        entries: [reported, ...moved],
        outcome: { device_state: moved.length > 0 ? ('manufactured' as const) : state },
      };
    },
  );
}
