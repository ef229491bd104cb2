/**
 * A finished unit proves itself once more: at packing, or as a sample that tells whether this station still tells good from
 * bad. Nothing is written to the unit.
 */

import type { StationResponse } from '@imprint/contract/api/station';
import { equalBytes, fromBase64 } from '@imprint/contract/bytes';
import { proveBytes } from '@imprint/contract/dut/statement';
import type { FailureCode } from '@imprint/contract/failure-code';
import { failureCodes } from '@imprint/contract/failure-code';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import { verifySignature } from '@imprint/contract/x509/signature';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { allowedLocks } from './contract-facts.ts';
import { LineFailure, lineFailureOf } from './line-failure.ts';
import { advice } from './operator-ui/advice.ts';
import type { Outcome } from './procedure.ts';
import { greet } from './steps/identify.ts';
import type { IdentifiedUnit, Visit } from './visit.ts';

export type Purpose = 'pack' | 'golden' | 'must-fail';

const signWorkMs = 10_000;
const selftestS = 30;

/**
 * Checks the unit under the scanned ID. A golden or packed unit passes where it proves itself; a must-fail sample passes
 * its check where it is found out. Never throws.
 */
export async function checkUnit(visit: Visit, deviceId: string, purpose: Purpose): Promise<Outcome> {
  const { place, emit, timers } = visit;
  const begunMs = timers.nowMs();
  const durations = () => ({ check: Math.round(timers.nowMs() - begunMs) });
  emit({ event: 'step', lane: place.lane, device_id: deviceId, step: 'check' });
  try {
    const unit = await greet(visit);
    const check = await visit.outbox.send(
      'openCheck',
      {},
      {
        purpose,
        device_id: deviceId,
        hardware_uid: unit.hello.hardware_uid,
        where: place,
        shift_id: visit.shiftId,
      },
    );
    const found = await examine(visit, unit, deviceId, check);
    const { outcome } = await visit.outbox.send(
      'recordCheck',
      { check_id: check.check_id },
      { nonce: check.nonce, ...found.report },
    );
    const isGood = outcome === 'pass';
    if (isGood !== (purpose !== 'must-fail')) throw found.failure ?? surprise(purpose);
    return {
      event: 'passed',
      lane: place.lane,
      device_id: deviceId,
      job_id: check.check_id,
      attempt: 1,
      state: 'checked',
      already: true,
      durations_ms: durations(),
    };
  } catch (error) {
    const failure = lineFailureOf(error, 'check');
    if (failure.stopsStation) visit.halt(failure.message);
    return {
      event: 'failed',
      lane: place.lane,
      device_id: deviceId,
      job_id: null,
      step: 'check',
      failure_code: failure.code,
      consequence: failureCodes[failure.code],
      message: failure.message,
      hint:
        purpose === 'pack'
          ? advice[failure.code]
          : 'Stop work at this station and call the line lead: its check failed.',
      attempts_left: null,
      durations_ms: durations(),
    };
  } finally {
    await visit.dut.close();
  }
}

interface Found {
  report: { signature_b64: string | null; selftest_passed: boolean | null; failure_code: FailureCode | null };
  failure: LineFailure | null;
}

/** What the unit showed: its proof and self-test, or why there is none. Failures of the unit are findings here. */
async function examine(
  visit: Visit,
  unit: IdentifiedUnit,
  deviceId: string,
  check: StationResponse<'openCheck'>,
): Promise<Found> {
  try {
    const signature_b64 = await proof(visit, unit, deviceId, check);
    const { passed } = await visit.dut.call(
      'selftest',
      { timeout_s: selftestS },
      { workMs: selftestS * 1_000 },
    );
    const failure = passed ? null : new LineFailure('selftest_failed', "the unit's self-test failed");
    return {
      report: { signature_b64, selftest_passed: passed, failure_code: failure?.code ?? null },
      failure,
    };
  } catch (error) {
    const failure = lineFailureOf(error, 'check');
    if (failure.stopsStation || failure.code === 'authority_unreachable') throw error;
    return { report: { signature_b64: null, selftest_passed: null, failure_code: failure.code }, failure };
  }
}

async function proof(
  visit: Visit,
  unit: IdentifiedUnit,
  deviceId: string,
  check: StationResponse<'openCheck'>,
): Promise<string> {
  const { dut, station } = visit;
  const { device_id } = await dut.call('read_device_id', {});
  if (device_id !== deviceId)
    throw new LineFailure('id_mismatch', `${deviceId} was scanned, and the unit is ${device_id}`);
  const { device_cert_pem, chain_pem } = await dut.call('read_certs', {});
  const [leafDer] = fromPem('CERTIFICATE', device_cert_pem, 1);
  if (sha256Hex(leafDer!) !== check.certificate_sha256) {
    throw new LineFailure(
      'certificate_wrong',
      'the unit holds another certificate than the one that was issued for it',
    );
  }
  const chain = [
    leafDer!,
    ...fromPem('CERTIFICATE', chain_pem).filter((der) => !equalBytes(der, station.root)),
  ];
  const leaf = verifyChain({
    chain,
    root: station.root,
    at: station.serverTime(),
    realm: station.view.realm,
    purpose: 'device',
  });
  const locks = allowedLocks(await station.contract(check.contract_sha256), check);
  if (!locks.includes(unit.status.debug_lock)) {
    throw new LineFailure(
      'debug_lock_wrong',
      `the debug port is ${unit.status.debug_lock}; it may be ${locks.join(' or ')}`,
    );
  }
  const asked = { job: check.check_id, attempt: 1, nonce: check.nonce };
  const { signature_b64 } = await dut.call('prove', asked, { workMs: signWorkMs });
  const message = proveBytes({
    realm: station.view.realm,
    logId: station.logId,
    jobId: check.check_id,
    attempt: 1,
    deviceId,
    hardwareUid: unit.hello.hardware_uid,
    certificateSha256: check.certificate_sha256,
    contractSha256: check.contract_sha256,
    nonce: check.nonce,
  });
  if (!verifySignature(leaf.publicKey, message, fromBase64(signature_b64, 'dut_protocol'))) {
    throw new LineFailure(
      'proof_wrong',
      "the unit's signature does not verify against the certificate that it holds",
    );
  }
  return signature_b64;
}

function surprise(purpose: Purpose): LineFailure {
  return purpose === 'must-fail'
    ? new LineFailure(
        'proof_wrong',
        'the must-fail sample passed: this station no longer tells good from bad',
      )
    : new LineFailure('proof_wrong', 'the authority did not accept the proof');
}
