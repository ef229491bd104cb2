/** The statement that a job's unit must have composed, put together from the record alone, and what is signed over it. */
import type { RealmName } from '@imprint/contract/audit/entry';
import type { ProveStatement } from '@imprint/contract/dut/statement';
import { ImprintError } from '@imprint/contract/errors';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import type { ActiveCredential, Job } from './job.ts';
import { verifyUnder } from './verify-under.ts';

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

/** @throws proof_wrong where the certificate's key did not sign exactly these bytes */
export function requireSigned(credential: ActiveCredential, bytes: Uint8Array, signature: Uint8Array): void {
  if (verifyUnder(credential, bytes, signature)) return;
  throw new ImprintError(
    'proof_wrong',
    `the unit did not prove that it holds the key of ${credential.device_id}`,
    { hint: 'Set the unit aside: it holds another key, or another unit answered in its place.' },
  );
}
