/** Jobs that a thief opens under the labels of its own order, for keys in software. */
import { fromProblem } from '@imprint/contract/api/problem';
import type { StationRequest, StationResponse } from '@imprint/contract/api/station';
import { gateways } from '../products.ts';
import type { Outcome } from './act.ts';
import type { ForgedUnit, Said, StolenStation } from './stolen-station.ts';

export type Job = StationResponse<'openJob'>;

/** A job whose certificate is for a key in software. */
export interface Minted {
  job: Job;
  unit: ForgedUnit;
}

/** An open job of its own under the next free label; undefined where there is none, or it was not opened. */
export async function openJob(thief: StolenStation, unit: ForgedUnit): Promise<Job | undefined> {
  const label = thief.labels.shift();
  if (label === undefined) return undefined;
  const opened = await thief.open(unit, label);
  if (opened !== undefined && 'answer' in opened) return opened.answer;
  // a label that was or may have been taken is bound to that hardware for good
  if (opened !== undefined && opened.code !== 'unit_conflict') thief.labels.unshift(label);
  return undefined;
}

/** A job of its own with a certificate for a key of its own. */
export async function mintJob(thief: StolenStation): Promise<Minted | undefined> {
  const unit = thief.newUnit();
  const job = await openJob(thief, unit);
  if (job === undefined) return undefined;
  const issued = await certify(thief, job, unit);
  if (issued === undefined || 'code' in issued) {
    await leave(thief, job);
    return undefined;
  }
  unit.take(issued.answer);
  return { job, unit };
}

/** Has the unit's key certified for the job, alone or, as half of the time, in a request that could be about many. */
export async function certify(
  thief: StolenStation,
  { job_id, attempt }: Job,
  unit: ForgedUnit,
): Promise<Said<'issueCredential'>> {
  const request = { request_id: thief.requestId(), attempt, csr_b64: await unit.csr() };
  if (/[0-7]$/.test(request.request_id)) return thief.say('issueCredential', { job_id }, request);
  return ofFirstUnit(await thief.say('issueCredentials', {}, { units: [{ job_id, ...request }] }));
}

/** What a request that could be about many units came to for the first of them. */
export function ofFirstUnit(said: Said<'issueCredentials'>): Said<'issueCredential'> {
  if (said === undefined || 'code' in said) return said;
  const { chain_pem, outcomes } = said.answer;
  const outcome = outcomes[0]!;
  if ('problem' in outcome) return fromProblem(outcome.problem);
  return { answer: { chain_pem, ...outcome.credential } };
}

export async function nonceOf(thief: StolenStation, { job, unit }: Minted): Promise<string | undefined> {
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

/** Uses a minted job, and gives its lane free again. */
export async function withMint(
  thief: StolenStation,
  use: (minted: Minted) => Promise<Outcome>,
): Promise<Outcome> {
  const minted = await mintJob(thief);
  if (minted === undefined) return 'not tried';
  const outcome = await use(minted);
  await leave(thief, minted.job);
  return outcome;
}

/** Says what `signer` proves for this job and nonce. */
export function prove(
  thief: StolenStation,
  { job }: Minted,
  nonce: string,
  signer: ForgedUnit,
): Promise<Said<'submitProof'>> {
  return proof(thief, job, nonce, signer.prove(job, nonce));
}

/** Says a signature, whatever it was made for. */
export function proof(
  thief: StolenStation,
  job: Job,
  nonce: string,
  signature_b64: string,
): Promise<Said<'submitProof'>> {
  return thief.say(
    'submitProof',
    { job_id: job.job_id },
    { request_id: thief.requestId(), attempt: job.attempt, nonce, signature_b64 },
  );
}

export interface Sealed {
  /** The signature that was taken for Prove. */
  proof: string;
  nonce: string;
  /** The request that completes the job, with some of it put otherwise. */
  completion(otherwise?: Partial<Completion>): [{ job_id: string }, Completion];
}

type Completion = StationRequest<'completeJob'>;

/** Goes on with a minted job, honestly by the API and forged in all that it says, up to the nonce of Attest. */
export async function toSealed(thief: StolenStation, minted: Minted): Promise<Sealed | undefined> {
  const { job, unit } = minted;
  const nonce = await nonceOf(thief, minted);
  if (nonce === undefined) return undefined;
  const signature = unit.prove(job, nonce);
  const proven = await proof(thief, job, nonce, signature);
  if (proven === undefined || 'code' in proven) return undefined;
  const { debug_lock, boot_flags } = unit.state(job);
  const seal = { before: { debug_lock, boot_flags }, after: { debug_lock, boot_flags }, acts: [] };
  const sealed = await thief.say(
    'reportSealed',
    { job_id: job.job_id },
    { request_id: thief.requestId(), attempt: job.attempt, seal },
  );
  if (sealed === undefined || 'code' in sealed) return undefined;
  return {
    proof: signature,
    nonce: sealed.answer.nonce,
    completion: (otherwise) => completionOf(thief, minted, sealed.answer.nonce, otherwise),
  };
}

/** A completion with everything that the contract asks for, made up and signed. */
export function completionOf(
  thief: StolenStation,
  { job, unit }: Minted,
  nonce: string,
  otherwise: Partial<Completion> = {},
): [{ job_id: string }, Completion] {
  const state = otherwise.state ?? unit.state(job);
  return [
    { job_id: job.job_id },
    {
      request_id: thief.requestId(),
      attempt: job.attempt,
      nonce,
      state,
      signature_b64: unit.attest(job, nonce, state),
      selftest: { passed: true, checks: [] },
      label: { mode: gateways.checked.contract.label.mode, scanned_back: job.device_id },
      durations_ms: {},
      ...otherwise,
    },
  ];
}
