/**
 * Attest: after a power cycle the unit signs who it is and what state it is in, under a second nonce. The station compares
 * every value with what the contract and the write say, and verifies the signature, before the authority does.
 */

import type { StationResponse } from '@imprint/contract/api/station';
import { type AttestedState, attestBytes } from '@imprint/contract/dut/statement';
import { isImprintError } from '@imprint/contract/errors';
import { allowedLocks, flagsToBurn, storageMapOf } from '../contract-facts.ts';
import { LineFailure } from '../line-failure.ts';
import type { Work } from '../visit.ts';
import { identifyAgain } from './identify.ts';
import { checkIdentity, checkSignature, statementOf, withNonce } from './prove.ts';
import { sealState } from './seal.ts';

const signWorkMs = 10_000;

/** Has the unit start anew, as a power cycle does, and makes sure that it did and that it is still the same one. */
export async function powerCycle(work: Work): Promise<void> {
  const { dut } = work.visit;
  const before = work.unit.status;
  let unanswered: unknown;
  try {
    await dut.call('reboot', {});
  } catch (error) {
    // The answer may be lost to the reset that was asked for; the boot counter says whether it came.
    if (!isImprintError(error, 'dut_reset', 'dut_silent', 'dut_garbled', 'link_lost')) throw error;
    unanswered = error;
  }
  work.unit = await identifyAgain(work.visit, work.unit);
  if (work.unit.status.boot_count <= before.boot_count) {
    if (unanswered !== undefined) throw unanswered;
    throw new LineFailure('unit_refused', 'the unit did not start anew when it was told to');
  }
}

/** @throws LineFailure selftest_failed */
export async function selftest(work: Work): Promise<void> {
  const step = work.manifest.provision_steps.find((each) => each.name === 'post-provision-selftest');
  const timeout_s = step?.name === 'post-provision-selftest' ? step.args.timeout_s : 15;
  const { passed, results } = await work.visit.dut.call(
    'selftest',
    { timeout_s },
    { workMs: timeout_s * 1_000 },
  );
  const failed = results.filter((result) => !result.passed).map(({ name, detail }) => `${name}: ${detail}`);
  if (!passed || failed.length > 0) {
    throw new LineFailure(
      'selftest_failed',
      `the unit's self-test failed${failed.length > 0 ? `: ${failed.join('; ')}` : ''}`.slice(0, 400),
    );
  }
  work.selftestChecks = results.map((result) => result.name);
}

/** Asks for the second proof and closes the job with it; gives the authority's receipt. */
export async function attestAndComplete(
  work: Work,
  durations: () => Record<string, number>,
): Promise<StationResponse<'completeJob'>> {
  const { visit, unit, job, contract } = work;
  const at = { job_id: job.job_id };
  // As read after the power cycle; the unit attests it once more under the nonce.
  const after = sealState(unit.status);
  const before = work.seal.before ?? after;
  const report = { attempt: job.attempt, seal: { before, after, acts: work.seal.acts } };
  let receipt: StationResponse<'completeJob'> | undefined;
  checkIdentity(work);
  await withNonce(
    () => visit.outbox.send('reportSealed', at, report),
    async (nonce) => {
      const asked = { job: job.job_id, attempt: job.attempt, nonce };
      const { signed_by, signature_b64, state } = await visit.dut.call('attest', asked, {
        workMs: signWorkMs,
      });
      if (signed_by !== job.device_id) {
        throw new LineFailure('attest_wrong', `the unit signs as ${signed_by}, not as ${job.device_id}`);
      }
      checkState(work, state);
      checkSignature(work, attestBytes(statementOf(work, nonce), state), signature_b64);
      receipt = await visit.outbox.send('completeJob', at, {
        attempt: job.attempt,
        nonce,
        state,
        signature_b64,
        selftest: { passed: true, checks: work.selftestChecks ?? [] },
        label: { mode: contract.contract.label.mode, scanned_back: work.labelScanned! },
        durations_ms: durations(),
      });
    },
  );
  return receipt!;
}

/** Everything that the unit attests, against what it must be. */
function checkState({ contract, readBack, unit, job }: Work, state: AttestedState): void {
  const { firmware } = contract.contract;
  const wrong = (what: string, found: unknown, wanted: unknown): never => {
    throw new LineFailure(
      'attest_wrong',
      `the unit attests ${what} ${String(found)}, and it must be ${String(wanted)}`,
    );
  };
  const locks = allowedLocks(contract, job);
  if (!locks.includes(state.debug_lock)) wrong('debug lock', state.debug_lock, locks.join(' or '));
  const burnt = Object.keys(state.boot_flags).filter((flag) => state.boot_flags[flag]);
  const wanted = flagsToBurn(contract);
  if (burnt.sort().join() !== wanted.sort().join())
    wrong('boot flags', burnt.join(',') || 'none', wanted.join(',') || 'none');
  const pairs: [string, unknown, unknown][] = [
    ['firmware build', state.firmware_build_id, firmware.build_id],
    ['firmware hash', state.firmware_sha256, firmware.sha256],
    ['roll-back counter', state.rollback_counter, firmware.rollback_counter],
    ['boot count', state.boot_count, unit.status.boot_count],
    ['trust anchor', state.trust_anchor_sha256, readBack!.trust_anchor_sha256],
    ['factory configuration', state.factory_config_sha256, readBack!.factory_config_sha256],
    ['storage map', state.storage_map_sha256, storageMapOf(contract)],
  ];
  for (const [what, found, must] of pairs) if (found !== must) wrong(what, found, must);
}
