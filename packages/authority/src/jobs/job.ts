/** A job as a request finds it: whose it is, whether its attempt is the live one, and what it is certified with. */
import { ImprintError } from '@imprint/contract/errors';
import type { JobState } from '@imprint/contract/job-state';
import type { Kysely, Selectable } from 'kysely';
import type { Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, JobTable, Tables } from '../storage/tables.ts';

export type Job = Selectable<JobTable>;
export type Credential = Selectable<CredentialTable>;
/** A credential whose certificate was released. */
export type ActiveCredential = Credential & { certificate: Uint8Array; certificate_sha256: string };

/** @throws unknown_job */
export async function requireJob(reading: { tx: Kysely<Tables> }, jobId: string): Promise<Job> {
  const [job] = (await selectJob(reading.tx, { job_id: jobId })).rows;
  if (!job) throw new ImprintError('unknown_job', `there is no job ${jobId}`);
  return job;
}

/**
 * The job, where this station holds its live attempt, in time, in one of the given states.
 * @throws unknown_job, job_not_open, job_state_wrong
 */
export async function requireLiveJob(
  reading: Reading,
  stationId: string,
  jobId: string,
  attempt: number,
  states: readonly JobState[],
): Promise<Job> {
  const job = await requireJob(reading, jobId);
  if (job.station_id !== stationId || job.active === 0 || job.attempt !== attempt) {
    throw new ImprintError('job_not_open', `attempt ${attempt} of job ${jobId} is not open at this station`, {
      hint: 'Scan the unit again.',
    });
  }
  if (job.lease_expires_at <= reading.at) {
    throw new ImprintError('job_not_open', `the lease of job ${jobId} ran out at ${job.lease_expires_at}`, {
      hint: 'Scan the unit again.',
    });
  }
  if (!states.includes(job.state)) {
    throw new ImprintError(
      'job_state_wrong',
      `job ${jobId} is ${job.state}; this asks for ${states.join(' or ')}`,
      {
        hint: 'Scan the unit again.',
      },
    );
  }
  return job;
}

/** The credential that a job's unit carries now; undefined where it has none yet. */
export async function findCredential(
  reading: { tx: Kysely<Tables> },
  jobId: string,
): Promise<ActiveCredential | undefined> {
  const [credential] = (await selectActive(reading.tx, { job_id: jobId })).rows;
  return credential !== undefined && isActive(credential) ? credential : undefined;
}

export function isActive(credential: Credential): credential is ActiveCredential {
  const { status, certificate, certificate_sha256 } = credential;
  return status === 'active' && certificate !== null && certificate_sha256 !== null;
}

/** As {@link findCredential}. @throws job_state_wrong where there is none */
export async function requireCredential(
  reading: { tx: Kysely<Tables> },
  jobId: string,
): Promise<ActiveCredential> {
  const credential = await findCredential(reading, jobId);
  if (!credential) throw new ImprintError('job_state_wrong', `job ${jobId} has no certificate yet`);
  return credential;
}

const selectActive = statement<{ job_id: string }, Credential>((db, arg) =>
  db.selectFrom('credential').selectAll().where('job_id', '=', arg('job_id')).where('status', '=', 'active'),
);

const selectJob = statement<{ job_id: string }, Job>((db, arg) =>
  db.selectFrom('job').selectAll().where('job_id', '=', arg('job_id')),
);
