/** Jobs that a thief opens under the labels of its own order, for keys in software. */
import type { StationResponse } from '@imprint/contract/api/station';
import { type Broken, notDone, refused } from './act.ts';
import type { ForgedUnit, StolenStation } from './stolen-station.ts';

export type Job = StationResponse<'openJob'>;

/** An open job of its own for a free label, with a certificate for a key of its own; undefined where there is none left. */
export async function mintJob(thief: StolenStation): Promise<{ job: Job; unit: ForgedUnit } | undefined> {
  const unit = thief.newUnit();
  const label = thief.labels[0];
  if (label === undefined) return undefined;
  const opened = await thief.open(unit, label);
  if (opened === undefined || 'code' in opened) return undefined;
  const job = opened.answer;
  const issued = await thief.say(
    'issueCredential',
    { job_id: job.job_id },
    {
      request_id: thief.requestId(),
      attempt: job.attempt,
      csr_b64: await unit.csr(),
    },
  );
  if (issued === undefined || 'code' in issued) return undefined;
  unit.take(issued.answer);
  return { job, unit };
}

export async function nonceOf(
  thief: StolenStation,
  { job, unit }: { job: Job; unit: ForgedUnit },
): Promise<string | undefined> {
  const written = await thief.say(
    'reportWritten',
    { job_id: job.job_id },
    {
      request_id: thief.requestId(),
      attempt: job.attempt,
      read_back: unit.readBack(job),
    },
  );
  return written !== undefined && 'answer' in written ? written.answer.nonce : undefined;
}

/** Gives the lane free again. */
export async function leave(thief: StolenStation, job: Job): Promise<void> {
  await thief.say(
    'endAttempt',
    { job_id: job.job_id },
    {
      request_id: thief.requestId(),
      attempt: job.attempt,
      outcome: 'failed',
      step: 'key',
      failure_code: 'station_failed',
      reason: 'left',
      durations_ms: {},
    },
  );
}

export async function withMint(
  thief: StolenStation,
  use: (minted: { job: Job; unit: ForgedUnit }) => Promise<Broken>,
): Promise<Broken> {
  const minted = await mintJob(thief);
  if (minted === undefined) return notDone;
  const broken = await use(minted);
  await leave(thief, minted.job);
  // the next one under a label of its own: this one is bound to the forged hardware for good
  thief.labels.shift();
  return broken;
}

export async function prove(
  thief: StolenStation,
  { job }: { job: Job },
  nonce: string,
  signer: ForgedUnit,
  ...codes: string[]
): Promise<Broken> {
  const said = await thief.say(
    'submitProof',
    { job_id: job.job_id },
    {
      request_id: thief.requestId(),
      attempt: job.attempt,
      nonce,
      signature_b64: signer.prove(job, nonce),
    },
  );
  return codes.length === 0 ? notDone : refused(said, ...codes);
}
