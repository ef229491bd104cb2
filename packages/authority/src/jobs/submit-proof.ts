/** Prove: the unit's signature, under the key of its certificate, over a statement with a nonce given after the write. */
import type { StationRequest } from '@imprint/contract/api/station';
import { fromBase64 } from '@imprint/contract/bytes';
import { proveBytes } from '@imprint/contract/dut/statement';
import type { JobState } from '@imprint/contract/job-state';
import type { Draft } from '../ledger/ledger.ts';
import { requireCredential, requireLiveJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { requireNonce, spendNonce } from './nonce.ts';
import { decideOnce } from './once.ts';
import { requireSigned, statementOf } from './statement.ts';

/** @throws proof_wrong, nonce_invalid, job_not_open, job_state_wrong */
export async function submitProof(
  core: LineCore,
  caller: StationCaller,
  jobId: string,
  request: StationRequest<'submitProof'>,
): Promise<{ state: JobState }> {
  const { attempt, nonce, signature_b64 } = request;
  const signature = fromBase64(signature_b64);
  return decideOnce(core.ledger, caller, `submitProof ${jobId}`, request, async (reading, station) => {
    const job = await requireLiveJob(reading, station.stationId, jobId, attempt, [
      'written',
      'proven',
      'sealed',
    ]);
    const credential = await requireCredential(reading, jobId);
    await requireNonce(reading, nonce, { purpose: 'prove', subject: jobId, attempt });
    const signed = proveBytes(statementOf(core, job, credential, { subject: jobId, attempt, nonce }));
    requireSigned(credential, signed, signature);
    const proven: Draft = {
      type: 'job.proven',
      actor: { kind: 'station', id: caller.stationId },
      data: {
        job_id: jobId,
        certificate_sha256: credential.certificate_sha256,
        prove: { attempt, nonce, signature_b64 },
      },
    };
    const state: JobState = job.state === 'sealed' ? 'sealed' : 'proven';
    return {
      entries: job.state === 'sealed' ? [] : [proven],
      remember: (tx) => spendNonce(tx, nonce, reading.at),
      outcome: { state },
    };
  });
}
