/** Seal: the station says what lock and fuses were and are; only a proven unit may be sealed, and Attest checks the word. */
import type { StationRequest } from '@imprint/contract/api/station';
import type { EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { jobDocuments } from '../registry/job-documents.ts';
import { missingBefore, routeProgress } from '../registry/route.ts';
import { debugExceptionOf } from './debug-exception.ts';
import { type Job, requireLiveJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { drawNonce, type GivenNonce, storeNonce } from './nonce.ts';
import { decideOnce } from './once.ts';
import { latestOutcomes } from './operations.ts';

/** @throws evidence_wrong where lock or fuses are not what the contract says; job_state_wrong, job_not_open */
export function reportSealed(
  core: LineCore,
  caller: StationCaller,
  jobId: string,
  request: StationRequest<'reportSealed'>,
): Promise<GivenNonce> {
  return decideOnce(core.ledger, caller, `reportSealed ${jobId}`, request, async (reading, station) => {
    const { attempt, seal } = request;
    const job = await requireLiveJob(reading, station.stationId, jobId, attempt, ['proven', 'sealed']);
    const contract = await core.contracts.get(reading.tx, job.contract_sha256);
    const progress = routeProgress(contract, job.state, await latestOutcomes(reading.tx, job));
    const missing = missingBefore(progress, 'seal');
    if (missing.length > 0) {
      throw new ImprintError(
        'job_state_wrong',
        `${job.device_id} may not be sealed before ${missing.join(', ')}`,
        {
          hint: 'Take the unit through that operation first: sealing closes the debug port.',
        },
      );
    }
    await requireProvenNow(reading, job, attempt);
    const exception = await exceptionFor(reading, contract, job.device_id, seal.after);
    requireSealedState(contract, seal.after, 'reported', exception);
    const given = drawNonce(core, reading.now);
    const sealed: Draft = {
      type: 'job.sealed',
      actor: { kind: 'station', id: caller.stationId },
      data: { job_id: jobId, attempt, seal },
    };
    return {
      entries: job.state === 'proven' ? [sealed] : [],
      remember: (tx) => storeNonce(tx, given, { purpose: 'attest', subject: jobId, attempt }),
      outcome: given,
    };
  });
}

/**
 * I-25: in the visit that seals, and before it seals, the unit has proved itself; what an earlier visit saw may be
 * another unit by now. One that counts as sealed is past that: what it attests binds all that a proof does.
 */
async function requireProvenNow(reading: Reading, job: Job, attempt: number): Promise<void> {
  if (job.state === 'sealed') return;
  const { proven } = await jobDocuments(reading.tx, job);
  const { prove } = JSON.parse(proven!) as EntryData<'job.proven'>;
  if (prove.attempt === attempt) return;
  throw new ImprintError('job_state_wrong', `${job.device_id} has not proved itself in this attempt`, {
    hint: 'Let the unit prove itself again before it is sealed.',
  });
}

/** The exception that an open port rests on; null where the lock is the contract's, and nothing is looked up then. */
export async function exceptionFor(
  reading: Reading,
  contract: ProvisioningContract,
  deviceId: string,
  { debug_lock }: { debug_lock: string },
): Promise<string | null> {
  if (debug_lock !== 'open' || contract.lock_policy.debug === 'open') return null;
  return debugExceptionOf(reading, contract, deviceId);
}

/**
 * Lock and fuses exactly as the contract's policy says, save an open port that rests on an exception.
 * @throws evidence_wrong
 */
export function requireSealedState(
  contract: ProvisioningContract,
  state: { debug_lock: string; boot_flags: Record<string, boolean> },
  word: 'reported' | 'attested',
  exception: string | null,
): void {
  const isExcepted = state.debug_lock === 'open' && exception !== null;
  if (state.debug_lock !== contract.lock_policy.debug && !isExcepted) {
    throw new ImprintError(
      'evidence_wrong',
      `the debug lock is ${word} as ${state.debug_lock}; the contract asks for ${contract.lock_policy.debug}`,
      { hint: 'Set the unit aside.' },
    );
  }
  const surplus = Object.keys(state.boot_flags).find((flag) => !Object.hasOwn(contract.boot_flags, flag));
  if (surplus !== undefined) {
    throw new ImprintError(
      'evidence_wrong',
      `boot flag ${surplus} is ${word}, and the contract has none of it`,
      {
        hint: 'Set the unit aside.',
      },
    );
  }
  for (const [flag, wanted] of Object.entries(contract.boot_flags)) {
    if (state.boot_flags[flag] !== wanted) {
      throw new ImprintError(
        'evidence_wrong',
        `boot flag ${flag} is ${word} as ${state.boot_flags[flag] ?? 'absent'}; the contract asks for ${wanted}`,
        {
          hint: 'Set the unit aside.',
        },
      );
    }
  }
}
