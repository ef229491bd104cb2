/**
 * The statement that a job's unit must have composed, put together from the record alone, and the verdict on its
 * signature. Curves are reckoned before the tick, which decides for hundreds of units; the tick accepts a verdict only
 * for exactly the bytes and the certificate that it finds itself.
 */
import type { RealmName } from '@imprint/contract/audit/entry';
import { equalBytes } from '@imprint/contract/bytes';
import type { ProveStatement } from '@imprint/contract/dut/statement';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';
import { type ActiveCredential, type Job, requireCredential, requireJob } from './job.ts';
import { verifyUnder } from './verify-under.ts';

/** What a signature was found to be, before the tick. */
export interface Verdict {
  certificateSha256: string;
  bytes: Uint8Array;
  valid: boolean;
}

export function statementOf(
  core: { realm: RealmName; logId: string },
  job: Job,
  credential: ActiveCredential,
  use: { subject: string; attempt: number; nonce: string },
): ProveStatement {
  return {
    realm: core.realm,
    logId: core.logId,
    jobId: use.subject,
    attempt: use.attempt,
    deviceId: job.device_id,
    hardwareUid: JSON.parse(job.hardware_uid_parts) as HardwareUid,
    certificateSha256: credential.certificate_sha256,
    contractSha256: job.contract_sha256,
    nonce: use.nonce,
  };
}

/**
 * The verdict on a signature over what `compose` makes of the job as it is committed now; undefined where the job has
 * no certificate, which the tick will say.
 */
export async function judgeAhead(
  reader: Kysely<Tables>,
  jobId: string,
  compose: (job: Job, credential: ActiveCredential) => Uint8Array,
  signature: Uint8Array,
): Promise<Verdict | undefined> {
  let job: Job;
  let credential: ActiveCredential;
  try {
    job = await requireJob({ tx: reader }, jobId);
    credential = await requireCredential({ tx: reader }, jobId);
  } catch (error) {
    if (isImprintError(error)) return undefined;
    throw error;
  }
  const bytes = compose(job, credential);
  const valid = await verifyUnder(credential, bytes, signature);
  return { certificateSha256: credential.certificate_sha256, bytes, valid };
}

/**
 * @throws proof_wrong where the certificate's key did not sign exactly these bytes; unavailable where job or certificate
 * changed between verdict and tick
 */
export function requireSigned(
  verdict: Verdict | undefined,
  credential: ActiveCredential,
  bytes: Uint8Array,
): void {
  if (!isOf(verdict, credential, bytes)) {
    throw new ImprintError(
      'unavailable',
      `the job of ${credential.device_id} changed while the proof was verified`,
      {
        hint: 'Send the same request again.',
      },
    );
  }
  if (verdict.valid) return;
  throw new ImprintError(
    'proof_wrong',
    `the unit did not prove that it holds the key of ${credential.device_id}`,
    { hint: 'Set the unit aside: it holds another key, or another unit answered in its place.' },
  );
}

function isOf(
  verdict: Verdict | undefined,
  credential: ActiveCredential,
  bytes: Uint8Array,
): verdict is Verdict {
  return verdict?.certificateSha256 === credential.certificate_sha256 && equalBytes(verdict.bytes, bytes);
}
