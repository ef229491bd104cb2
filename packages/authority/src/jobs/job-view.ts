/** What a station needs to go on with a job, read from what is committed: the same for every retry. */
import type { JobView } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import { proveDevice } from '../audit/prove.ts';
import { jobDocuments } from '../registry/job-documents.ts';
import { statement } from '../storage/statement.ts';
import type { AttemptTable, DeviceTable } from '../storage/tables.ts';
import { type Credential, isActive, type Job, requireJob } from './job.ts';
import type { LineCore } from './line-core.ts';
import { credentialsOf } from './rework.ts';

export async function jobView(core: LineCore, jobId: string, attempt: number): Promise<JobView> {
  const db = core.ledger.reader;
  const job = await requireJob({ tx: db }, jobId);
  const [begun] = (await selectAttempt(db, { job_id: jobId, attempt })).rows;
  if (begun === undefined)
    throw new ImprintError('unknown_job', `there is no attempt ${attempt} of job ${jobId}`);
  const [device] = (await selectCompletion(db, { device_id: job.device_id })).rows;
  const { own, former } = await credentialsOf(db, job);
  const credential = own.find(isActive);
  const documents = await jobDocuments(db, job);
  return {
    job_id: job.job_id,
    attempt,
    state: job.state,
    order_id: job.order_id,
    device_id: job.device_id,
    hardware_uid: JSON.parse(job.hardware_uid_parts) as HardwareUid,
    sku: job.sku,
    hw_rev: job.hw_rev,
    operation: begun.operation,
    contract_sha256: job.contract_sha256,
    manifest_sha256: job.manifest_sha256,
    manifest: documents.manifest,
    factory_config: documents.factory_config,
    trust_anchor_pem: core.rootPem,
    certificate: credential
      ? {
          device_cert_pem: toPem('CERTIFICATE', credential.certificate),
          chain_pem: (await core.issuers.chainOf(db, credential.issuer_sha256)).pem,
          public_key_sha256: credential.public_key_sha256,
        }
      : null,
    ...(former.length > 0 && { rework: await reworkOf(core, job, former) }),
    lease_expires_at: job.lease_expires_at,
    server_time: core.clock().toISOString(),
    ...(device!.debug_exception === null ? {} : { debug_exception: true as const }),
    // a device that is refurbished has the receipt of its former job, until this one is done
    receipt:
      job.state !== 'done' || device!.completed_index === null ? null : await receiptOf(core, job.device_id),
  };
}

/** What a station needs so that the unit makes a new key: which ones are spent, and the log's word for one that is sealed. */
async function reworkOf(core: LineCore, job: Job, former: readonly Credential[]): Promise<JobView['rework']> {
  const newest = former.toReversed();
  const hardwareUid = JSON.parse(job.hardware_uid_parts) as HardwareUid;
  const certificates = newest
    .flatMap(({ certificate_sha256 }) => certificate_sha256 ?? [])
    .slice(0, limits.formerCertificates);
  return {
    former_keys: [...new Set(newest.map((row) => row.public_key_sha256))].slice(0, limits.formerKeys),
    reopen: await Promise.all(
      certificates.map(async (certificate_sha256) => ({
        certificate_sha256,
        ...(await core.checkpoints.signReopen({
          realm: core.realm,
          logId: core.logId,
          jobId: job.job_id,
          deviceId: job.device_id,
          hardwareUid,
          certificateSha256: certificate_sha256,
        })),
      })),
    ),
  };
}

// one join of these would be planned anew at each run, which costs SQLite ten times as much as all of them
const selectAttempt = statement<{ job_id: string; attempt: number }, Pick<AttemptTable, 'operation'>>(
  (db, arg) =>
    db
      .selectFrom('attempt')
      .select('operation')
      .where('job_id', '=', arg('job_id'))
      .where('attempt', '=', arg('attempt')),
);

const selectCompletion = statement<
  { device_id: string },
  Pick<DeviceTable, 'completed_index' | 'debug_exception'>
>((db, arg) =>
  db
    .selectFrom('device')
    .select(['completed_index', 'debug_exception'])
    .where('device_id', '=', arg('device_id')),
);

/** The receipt (JSON text) of a device that is done. @throws unknown_device, job_state_wrong */
export function receiptOf(core: LineCore, deviceId: string): Promise<string> {
  const source = {
    reader: core.ledger.reader,
    checkpoints: core.checkpoints,
    realm: core.realm,
  };
  return proveDevice(source, deviceId);
}
