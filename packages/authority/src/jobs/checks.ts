/**
 * A finished unit proves itself once more: at `pack`, on another station than the one that made it, and as a golden
 * or must-fail sample that tells whether a station still tells good from bad.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import { fromBase64, toHex } from '@imprint/contract/bytes';
import { proveBytes } from '@imprint/contract/dut/statement';
import { ImprintError } from '@imprint/contract/errors';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { missingBefore, routeProgress } from '../registry/route.ts';
import type { SampleKind } from '../registry/samples.ts';
import { type AuthorizedStation, requireAssigned } from './authorize-station.ts';
import { debugExceptionOf } from './debug-exception.ts';
import { type Job, requireCredential } from './job.ts';
import { requireKnownLane } from './lane-limit.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { drawNonce, requireNonce, spendNonce, storeNonce } from './nonce.ts';
import { decideOnce } from './once.ts';
import { latestOutcomes, manufacturedDrafts, requireDeviceJob, requireNotSetAside } from './operations.ts';
import { requireShift } from './shifts.ts';
import { statementOf } from './statement.ts';
import { findUnit } from './unit-identity.ts';
import { verifyUnder } from './verify-under.ts';

export interface OpenedCheck {
  check_id: string;
  nonce: string;
  expires_at: string;
  certificate_sha256: string;
  contract_sha256: string;
  debug_exception?: true;
}

/**
 * @throws unknown_device, job_state_wrong (not done, or not a sample), unit_conflict (other hardware),
 * not_authorized (pack on a station that had it in work, or is not assigned), wrong_site, device_quarantined, shift_not_open
 */
export function openCheck(
  core: LineCore,
  caller: StationCaller,
  request: StationRequest<'openCheck'>,
): Promise<OpenedCheck> {
  return decideOnce<OpenedCheck>(core.ledger, caller, 'openCheck', request, async (reading, station) => {
    const operatorId = await requireShift(reading, station.stationId, request.shift_id);
    requireKnownLane(station, request.where.lane);
    const { job, state } = await requireDeviceJob(reading, request.device_id);
    if (job.state !== 'done')
      throw new ImprintError('job_state_wrong', `${request.device_id} is ${job.state}, not done`);
    if (hardwareUidText(request.hardware_uid) !== job.hardware_uid) {
      throw new ImprintError('unit_conflict', `this is not the unit that was made as ${request.device_id}`, {
        hint: 'Put it into the quarantine box; a line lead decides.',
      });
    }
    if (request.purpose === 'pack') await requirePack(core, reading, station, job, state);
    else await requireSample(reading, request.device_id, request.purpose);
    const credential = await requireCredential(reading, job.job_id);
    const contract = await core.contracts.get(reading.tx, job.contract_sha256);
    const isExcepted = (await debugExceptionOf(reading, contract, job.device_id)) !== null;
    const given = drawNonce(core, reading.now);
    const checkId = `c-${toHex(core.entropy(10))}`;
    return {
      entries: [],
      remember: async (tx) => {
        await storeNonce(tx, given, { purpose: 'check', subject: checkId, attempt: 1 });
        await tx
          .insertInto('open_check')
          .values({
            check_id: checkId,
            purpose: request.purpose,
            device_id: request.device_id,
            hardware_uid_parts: JSON.stringify(request.hardware_uid),
            station_id: station.stationId,
            lane: request.where.lane,
            operator_id: operatorId,
            expires_at: given.expires_at,
          })
          .execute();
      },
      outcome: {
        check_id: checkId,
        ...given,
        certificate_sha256: credential.certificate_sha256,
        contract_sha256: job.contract_sha256,
        ...(isExcepted ? { debug_exception: true as const } : {}),
      },
    };
  });
}

async function requireSample(reading: Reading, deviceId: string, kind: SampleKind): Promise<void> {
  const sample = await reading.tx
    .selectFrom('sample')
    .select('kind')
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  if (sample?.kind === kind) return;
  throw new ImprintError('job_state_wrong', `${deviceId} is not registered as a ${kind} sample`);
}

async function requirePack(
  core: LineCore,
  reading: Reading,
  station: AuthorizedStation,
  job: Job,
  state: LifecycleState,
): Promise<void> {
  const order = await reading.tx
    .selectFrom('production_order')
    .selectAll()
    .where('order_id', '=', job.order_id)
    .executeTakeFirstOrThrow();
  requireAssigned(station, order);
  requireNotSetAside(job.device_id, state);
  const unit = await findUnit(reading, JSON.parse(job.hardware_uid_parts) as HardwareUid);
  if (unit.quarantined) {
    throw new ImprintError('device_quarantined', `this unit is set aside: ${unit.reason}`, {
      hint: 'Put it into the quarantine box; a line lead decides.',
    });
  }
  // Any station that had the unit in work could have put a key of its own in its place: another one has to look.
  const worked = await reading.tx
    .selectFrom('attempt')
    .select('attempt')
    .where('job_id', '=', job.job_id)
    .where('station_id', '=', station.stationId)
    .limit(1)
    .executeTakeFirst();
  if (worked) {
    throw new ImprintError(
      'not_authorized',
      `${job.device_id} was made on this station; pack needs another one`,
      { hint: 'Take the unit to the packing station.' },
    );
  }
  const contract = await core.contracts.get(reading.tx, job.contract_sha256);
  const progress = routeProgress(contract, job.state, await latestOutcomes(reading.tx, job));
  if (!progress.some((step) => step.operation === 'pack')) {
    throw new ImprintError('unknown_route', `the route of ${contract.product} has no pack`);
  }
  const missing = missingBefore(progress, 'pack');
  if (missing.length > 0) {
    throw new ImprintError('job_state_wrong', `${job.device_id} did not pass ${missing.join(', ')} yet`, {
      hint: 'Take the unit through that operation first.',
    });
  }
}

/** @throws unknown_job (no such check at this station), nonce_invalid */
export async function recordCheck(
  core: LineCore,
  caller: StationCaller,
  checkId: string,
  request: StationRequest<'recordCheck'>,
) {
  const signature = request.signature_b64 === null ? null : fromBase64(request.signature_b64);
  return decideOnce<{ outcome: 'pass' | 'fail'; device_state: LifecycleState }>(
    core.ledger,
    caller,
    `recordCheck ${checkId}`,
    request,
    async (reading, station) => {
      const check = await reading.tx
        .selectFrom('open_check')
        .selectAll()
        .where('check_id', '=', checkId)
        .where('station_id', '=', station.stationId)
        .executeTakeFirst();
      if (!check) throw new ImprintError('unknown_job', `no check ${checkId} is open at this station`);
      await requireNonce(reading, request.nonce, { purpose: 'check', subject: checkId, attempt: 1 });
      const { job, state } = await requireDeviceJob(reading, check.device_id);
      const credential = await requireCredential(reading, job.job_id);
      const use = { subject: checkId, attempt: 1, nonce: request.nonce };
      const signed = proveBytes(statementOf(core, job, credential, use));
      const proven = signature !== null && verifyUnder(credential, signed, signature);
      const outcome = proven && request.selftest_passed === true ? 'pass' : 'fail';
      const by: Draft['actor'] = { kind: 'station', id: caller.stationId };
      const entries: Draft[] = [
        {
          type: 'check.recorded',
          actor: by,
          data: {
            check_id: checkId,
            purpose: check.purpose,
            device_id: check.device_id,
            hardware_uid: JSON.parse(check.hardware_uid_parts) as HardwareUid,
            station_id: station.stationId,
            lane: check.lane,
            operator_id: check.operator_id,
            outcome,
            nonce: request.nonce,
            signature_b64: request.signature_b64,
            failure_code: outcome === 'pass' ? null : (request.failure_code ?? 'proof_wrong'),
          },
        },
      ];
      let deviceState = state;
      if (check.purpose === 'pack') {
        entries.push({
          type: 'operation.reported',
          actor: by,
          data: {
            device_id: check.device_id,
            operation: 'pack',
            outcome,
            station_id: station.stationId,
            operator_id: check.operator_id,
            note: null,
          },
        });
        const contract = await core.contracts.get(reading.tx, job.contract_sha256);
        const latest = await latestOutcomes(reading.tx, job);
        latest.set('pack', outcome);
        const device = { deviceId: check.device_id, state };
        const moved = manufacturedDrafts(caller, contract, device, job.state, latest);
        entries.push(...moved);
        if (moved.length > 0) deviceState = 'manufactured';
      }
      return {
        entries,
        remember: async (tx) => {
          await spendNonce(tx, request.nonce, reading.at);
          await tx.deleteFrom('open_check').where('check_id', '=', checkId).execute();
        },
        outcome: { outcome, device_state: deviceState },
      };
    },
  );
}
