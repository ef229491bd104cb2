/** The station has written everything and read it back: each hash is held against what was issued, then a nonce is given. */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import type { Draft } from '../ledger/ledger.ts';
import { jobDocuments } from '../registry/job-documents.ts';
import { requireCredential, requireLiveJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { drawNonce, type GivenNonce, storeNonce } from './nonce.ts';
import { decideOnce } from './once.ts';

/**
 * @throws evidence_wrong where something read back is not what was to be written; job_not_open, job_state_wrong
 */
export function reportWritten(
  core: LineCore,
  caller: StationCaller,
  jobId: string,
  request: StationRequest<'reportWritten'>,
): Promise<GivenNonce> {
  return decideOnce(core.ledger, caller, `reportWritten ${jobId}`, request, async (reading, station) => {
    const { attempt, read_back } = request;
    const job = await requireLiveJob(reading, station.stationId, jobId, attempt, [
      'issued',
      'written',
      'proven',
      'sealed',
    ]);
    const credential = await requireCredential(reading, jobId);
    const documents = await jobDocuments(reading.tx, job);
    const expected = {
      device_id: job.device_id,
      certificate_sha256: credential.certificate_sha256,
      chain_sha256: (await core.issuers.chainOf(reading.tx, credential.issuer_sha256)).sha256,
      trust_anchor_sha256: core.rootSha256,
      factory_config_sha256: sha256Hex(new TextEncoder().encode(documents.factory_config)),
    };
    for (const item of Object.keys(expected) as (keyof typeof expected)[]) {
      if (read_back[item] === expected[item]) continue;
      throw new ImprintError(
        'evidence_wrong',
        `${item} read back from the unit is not what ${job.device_id} was to get`,
        {
          hint: 'Write it again; if it stays wrong, set the unit aside.',
        },
      );
    }
    const given = drawNonce(core, reading.now);
    // A unit that was proven before only proves again: the job does not go back for it.
    const entries: Draft[] =
      job.state === 'issued' || job.state === 'written'
        ? [
            {
              type: 'job.written',
              actor: { kind: 'station', id: caller.stationId },
              data: { job_id: jobId, attempt, read_back },
            },
          ]
        : [];
    return {
      entries,
      remember: (tx) => storeNonce(tx, given, { purpose: 'prove', subject: jobId, attempt }),
      outcome: given,
    };
  });
}
