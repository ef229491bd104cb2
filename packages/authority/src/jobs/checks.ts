/**
 * A finished unit proves itself once more: at `pack`, on another station than the one that made it, and as a golden
 * or must-fail sample that tells whether a station still tells good from bad.
 */
import type { StationRequest } from '@imprint/contract/api/station';
import { fromBase64, toHex } from '@imprint/contract/bytes';
import { proveBytes } from '@imprint/contract/dut/statement';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { type HardwareUid, hardwareUidText } from '@imprint/contract/hardware-uid';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { Selectable } from 'kysely';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { missingBefore, routeProgress } from '../registry/route.ts';
import type { OpenCheckTable } from '../storage/tables.ts';
import { requireCredential } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { drawNonce, requireNonce, spendNonce, storeNonce } from './nonce.ts';
import { decideOnce } from './once.ts';
import { latestOutcomes, manufacturedDrafts, requireDeviceJob } from './operations.ts';
import { requireShift } from './shifts.ts';
import { requireSignature, statementOf } from './statement.ts';

export interface OpenedCheck {
  check_id: string;
  nonce: string;
  expires_at: string;
  certificate_sha256: string;
  contract_sha256: string;
}

/**
 * @throws unknown_device, job_state_wrong (not done, or not a sample), unit_conflict (other hardware),
 * not_authorized (pack on the station that made it), shift_not_open
 */
export function openCheck(
  core: LineCore,
  caller: StationCaller,
  request: StationRequest<'openCheck'>,
): Promise<OpenedCheck> {
  return decideOnce<OpenedCheck>(core.ledger, caller, 'openCheck', request, async (reading, station) => {
    const operatorId = await requireShift(reading, station.stationId, request.shift_id);
    const { job } = await requireDeviceJob(reading, request.device_id);
    if (job.state !== 'done')
      throw new ImprintError('job_state_wrong', `${request.device_id} is ${job.state}, not done`);
    if (hardwareUidText(request.hardware_uid) !== job.hardware_uid) {
      throw new ImprintError('unit_conflict', `this is not the unit that was made as ${request.device_id}`, {
        hint: 'Put it into the quarantine box; a line lead decides.',
      });
    }
    await requirePurpose(core, reading, request, job.station_id === station.stationId);
    const credential = await requireCredential(reading, job.job_id);
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
      },
    };
  });
}

async function requirePurpose(
  core: LineCore,
  reading: Reading,
  request: StationRequest<'openCheck'>,
  sameStation: boolean,
): Promise<void> {
  if (request.purpose !== 'pack') {
    const sample = await reading.tx
      .selectFrom('sample')
      .select('kind')
      .where('device_id', '=', request.device_id)
      .executeTakeFirst();
    if (sample?.kind === request.purpose) return;
    throw new ImprintError(
      'job_state_wrong',
      `${request.device_id} is not registered as a ${request.purpose} sample`,
    );
  }
  // The station that made a unit could have put a key of its own in its place: another one has to look.
  if (sameStation) {
    throw new ImprintError(
      'not_authorized',
      `${request.device_id} was made on this station; pack needs another one`,
      {
        hint: 'Take the unit to the packing station.',
      },
    );
  }
  const { job } = await requireDeviceJob(reading, request.device_id);
  const contract = await core.contracts.get(reading.tx, job.contract_sha256);
  const progress = routeProgress(contract, job.state, await latestOutcomes(reading.tx, request.device_id));
  if (!progress.some((step) => step.operation === 'pack')) {
    throw new ImprintError('unknown_route', `the route of ${contract.product} has no pack`);
  }
  const missing = missingBefore(progress, 'pack');
  if (missing.length > 0) {
    throw new ImprintError('job_state_wrong', `${request.device_id} did not pass ${missing.join(', ')} yet`, {
      hint: 'Take the unit through that operation first.',
    });
  }
}

/** @throws unknown_job (no such check at this station), nonce_invalid */
export function recordCheck(
  core: LineCore,
  caller: StationCaller,
  checkId: string,
  request: StationRequest<'recordCheck'>,
) {
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
      const proven = await provesItself(core, reading, check, request);
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
        const latest = await latestOutcomes(reading.tx, check.device_id);
        latest.set('pack', outcome);
        if (state === 'allocated') {
          const moved = manufacturedDrafts(caller, contract, check.device_id, job.state, latest);
          entries.push(...moved);
          if (moved.length > 0) deviceState = 'manufactured';
        }
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

async function provesItself(
  core: LineCore,
  reading: Reading,
  check: Selectable<OpenCheckTable>,
  request: StationRequest<'recordCheck'>,
): Promise<boolean> {
  if (request.signature_b64 === null) return false;
  const { job } = await requireDeviceJob(reading, check.device_id);
  const credential = await requireCredential(reading, job.job_id);
  const statement = statementOf(core, job, credential, {
    subject: check.check_id,
    attempt: 1,
    nonce: request.nonce,
  });
  try {
    requireSignature(credential, proveBytes(statement), fromBase64(request.signature_b64));
    return true;
  } catch (error) {
    if (isImprintError(error)) return false;
    throw error;
  }
}
