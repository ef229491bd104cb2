/**
 * Reopen: a unit that came back, or was let out of quarantine, makes a new key. Where it is sealed it does so only on the word of
 * the log that it knows, which the authority gave with the job; no fuse is touched (I-25).
 */
import { LineFailure } from '../line-failure.ts';
import type { Work } from '../visit.ts';

/** Whether the unit holds a key of a former job, which nobody certifies again. */
export function holdsFormerKey({ job, unit }: Work): boolean {
  const { key } = unit.status;
  return key !== null && (job.rework?.former_keys.includes(key.public_key_sha256) ?? false);
}

/**
 * Opens the storage of a sealed unit that holds what a former job left. One that is open, was opened before, or holds what this job
 * wrote, stays as it is. @throws LineFailure certificate_wrong where the authority knows of no certificate that the unit holds
 */
export async function reopen(work: Work): Promise<void> {
  const { visit, unit, job } = work;
  const { status } = unit;
  if (job.rework === undefined || status.debug_lock === 'open' || status.reopened !== undefined) return;
  const word = job.rework.reopen.find(
    ({ certificate_sha256 }) => certificate_sha256 === status.certificate_sha256,
  );
  if (word === undefined) {
    if (!holdsFormerKey(work)) return;
    throw new LineFailure(
      'certificate_wrong',
      `the unit is sealed, and holds no certificate that was issued for ${job.device_id}`,
    );
  }
  const { log_key_b64, signature_b64 } = word;
  await visit.dut.call('reopen', { job: job.job_id, log_key_b64, signature_b64 });
  await readAgain(work);
}

/**
 * Ends a reopening, also one whose end was torn by a power cut; fuses that are burnt stay as they are, and none is burnt.
 * @throws LineFailure seal_failed
 */
export async function closeReopened(work: Work): Promise<void> {
  const { dut } = work.visit;
  if (!isReopened(work)) return;
  await dut.call('finalize', { lock_debug: false });
  await readAgain(work);
  if (isReopened(work)) {
    throw new LineFailure('seal_failed', 'the unit was closed and still takes writes');
  }
}

function isReopened({ unit: { status } }: Work): boolean {
  return status.reopened !== undefined || status.torn.includes('reopened');
}

async function readAgain(work: Work): Promise<void> {
  work.unit = { ...work.unit, status: await work.visit.dut.call('status', {}) };
}
