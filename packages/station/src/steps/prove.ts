/**
 * Prove: after the write, the unit signs a statement that it composes itself, under a nonce that the authority drew. The
 * station verifies it against the certificate that it read back, then the authority does the same (I-26, I-27).
 */
import { fromBase64 } from '@imprint/contract/bytes';
import { type ProveStatement, proveBytes } from '@imprint/contract/dut/statement';
import { isImprintError } from '@imprint/contract/errors';
import { verifySignature } from '@imprint/contract/x509/signature';
import { LineFailure } from '../line-failure.ts';
import type { Work } from '../visit.ts';

const signWorkMs = 10_000;
/** A nonce lives two minutes and serves once; a unit that was reset between is asked with a new one. */
const nonceTries = 3;

export async function prove(work: Work): Promise<void> {
  if (work.proven) return;
  const { visit, job } = work;
  const at = { job_id: job.job_id };
  checkIdentity(work);
  await withNonce(
    () => visit.outbox.send('reportWritten', at, { attempt: job.attempt, read_back: work.readBack! }),
    async (nonce) => {
      const asked = { job: job.job_id, attempt: job.attempt, nonce };
      const { signed_by, signature_b64 } = await visit.dut.call('prove', asked, { workMs: signWorkMs });
      if (signed_by !== job.device_id) throw wrong(`the unit signs as ${signed_by}, not as ${job.device_id}`);
      checkSignature(work, proveBytes(statementOf(work, nonce)), signature_b64);
      const { state } = await visit.outbox.send('submitProof', at, {
        attempt: job.attempt,
        nonce,
        signature_b64,
      });
      work.job = { ...work.job, state };
    },
  );
  work.proven = true;
}

/** I-27: the ID that was scanned, the one that was read back and the one in the certificate are one. */
export function checkIdentity({ visit, job, certified, readBack }: Work): void {
  const ids = new Set([
    visit.scanned ?? job.device_id,
    job.device_id,
    readBack!.device_id,
    certified!.leaf.id,
  ]);
  if (ids.size !== 1)
    throw new LineFailure('id_mismatch', `scan, unit and certificate disagree: ${[...ids].join(', ')}`);
}

/** The statement as it must be, from what the station read and what the authority said. */
export function statementOf({ visit, unit, job, readBack }: Work, nonce: string): ProveStatement {
  return {
    realm: visit.station.view.realm,
    logId: visit.station.logId,
    jobId: job.job_id,
    attempt: job.attempt,
    deviceId: readBack!.device_id,
    hardwareUid: unit.hello.hardware_uid,
    certificateSha256: readBack!.certificate_sha256,
    contractSha256: job.contract_sha256,
    nonce,
  };
}

/** @throws LineFailure proof_wrong */
export function checkSignature({ certified }: Work, message: Uint8Array, signature_b64: string): void {
  // The certificate that was read back is byte for byte this one: `writeIdentity` compared their hashes.
  if (!verifySignature(certified!.leaf.publicKey, message, fromBase64(signature_b64, 'dut_protocol'))) {
    throw wrong("the unit's signature does not verify against the certificate that it holds");
  }
}

/** Runs `use` under a fresh nonce, with a new one where the last was spent or expired meanwhile. */
export async function withNonce(
  fetch: () => Promise<{ nonce: string }>,
  use: (nonce: string) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { nonce } = await fetch();
    try {
      return await use(nonce);
    } catch (error) {
      if (!isImprintError(error, 'nonce_invalid') || attempt >= nonceTries) throw error;
    }
  }
}

function wrong(message: string): LineFailure {
  return new LineFailure('proof_wrong', message);
}
