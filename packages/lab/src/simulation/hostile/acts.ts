/**
 * What a thief tries with a stolen station, each act with what must come of it. An act gives a sentence where a promise was
 * broken; what the authority did give is the model's to judge, from the log.
 */
import type { StationResponse } from '@imprint/contract/api/station';
import type { Message } from '../network.ts';
import { gateways } from '../products.ts';
import type { ForgedUnit, StolenStation } from './stolen-station.ts';
import { stolenOrder, stolenStation } from './stolen-station.ts';

/** What the thief sees beside what is its own. */
export interface Sights {
  /** What honest stations said and heard, the newest last. */
  overheard(): readonly { message: Message; text: string }[];
  /** The label of a board of the honest order. */
  honestLabel(): string | undefined;
  strangeLabel(): string;
  /** A finished honest board signs for this job and nonce, as far as its firmware does. */
  askBoard(jobId: string, nonce: string): Promise<{ signature: string; signsAnything: boolean } | undefined>;
}

type Broken = string | undefined;
type Act = (thief: StolenStation, sights: Sights) => Promise<Broken>;
type Job = StationResponse<'openJob'>;

/** Undefined where nobody answered: the authority is down, and nothing was promised. */
function refused(said: { answer: unknown } | { code: string } | undefined, ...codes: string[]): Broken {
  if (said === undefined) return undefined;
  if ('answer' in said) return 'it was carried out';
  // what holds for everybody at that moment is as good a refusal
  return [...codes, ...always].includes(said.code) ? undefined : `it was refused with ${said.code}`;
}
const always = [
  'clock_untrusted',
  'storage_failed',
  'unavailable',
  'rate_limited',
  'not_authenticated',
  'station_session_taken',
  'shift_not_open',
  'lane_limit_reached',
];

/** An open job of its own for a free label, with a certificate for a key of its own; undefined where there is none left. */
async function mintJob(thief: StolenStation): Promise<{ job: Job; unit: ForgedUnit } | undefined> {
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

async function nonceOf(
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
async function leave(thief: StolenStation, job: Job): Promise<void> {
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

async function withMint(
  thief: StolenStation,
  use: (minted: { job: Job; unit: ForgedUnit }) => Promise<Broken>,
): Promise<Broken> {
  const minted = await mintJob(thief);
  if (minted === undefined) return undefined;
  const broken = await use(minted);
  await leave(thief, minted.job);
  // the next one under a label of its own: this one is bound to the forged hardware for good
  thief.labels.shift();
  return broken;
}

/** A job of somebody else, as overheard. */
function honestJob(sights: Sights): { jobId: string; attempt: number } | undefined {
  const heard = sights
    .overheard()
    .filter(({ message }) => message.route === 'issueCredential' && message.stationId !== stolenStation);
  const last = heard.at(-1);
  if (last === undefined) return undefined;
  return { jobId: last.message.params.job_id!, attempt: JSON.parse(last.message.body).attempt };
}

/** What changes nothing, or is the station's own. */
const unnumbered: ReadonlySet<string> = new Set(['openSession', 'contract', 'openShift', 'closeShift']);
const notTheirs = [
  'not_authorized',
  'wrong_site',
  'job_not_open',
  'unknown_job',
  'not_allocated',
  'device_already_done',
];

export const acts: Record<string, Act> = {
  'mints with a key of its own, within its order': async (thief) => {
    const minted = await mintJob(thief);
    if (minted === undefined) return undefined;
    const { job, unit } = minted;
    const at = { job_id: job.job_id };
    const nonce = await nonceOf(thief, minted);
    if (nonce === undefined) return undefined;
    await thief.say('submitProof', at, {
      request_id: thief.requestId(),
      attempt: job.attempt,
      nonce,
      signature_b64: unit.prove(job, nonce),
    });
    const state = unit.state(job);
    const seal = { debug_lock: state.debug_lock, boot_flags: state.boot_flags };
    const sealed = await thief.say('reportSealed', at, {
      request_id: thief.requestId(),
      attempt: job.attempt,
      seal: { before: seal, after: seal, acts: [] },
    });
    if (sealed !== undefined && 'answer' in sealed) {
      await thief.say('completeJob', at, {
        request_id: thief.requestId(),
        attempt: job.attempt,
        nonce: sealed.answer.nonce,
        state,
        signature_b64: unit.attest(job, sealed.answer.nonce, state),
        selftest: { passed: true, checks: [] },
        label: { mode: gateways.checked.contract.label.mode, scanned_back: job.device_id },
        durations_ms: {},
      });
    }
    await leave(thief, job);
    thief.labels.shift();
    return undefined;
  },
  'takes an ID of an order that is not its': async (thief, sights) => {
    const label = sights.honestLabel();
    if (label === undefined) return undefined;
    return refused(
      await thief.open(thief.newUnit(), label),
      ...notTheirs,
      'unit_conflict',
      'device_quarantined',
    );
  },
  'takes an ID that nobody allocated': async (thief, sights) =>
    refused(await thief.open(thief.newUnit(), sights.strangeLabel()), 'not_allocated'),
  'asks for the next ID of an order whose labels are printed': async (thief) =>
    refused(await thief.open(thief.newUnit(), null, 1, stolenOrder), 'bad_request', 'quota_exhausted'),
  'works on a lane that the station does not have': async (thief) => {
    const label = thief.labels[0];
    return label === undefined
      ? undefined
      : refused(await thief.open(thief.newUnit(), label, 63), 'bad_request', 'evidence_wrong');
  },
  'repeats a request ID with another body': (thief) =>
    withMint(thief, async ({ job, unit }) => {
      const request_id = thief.requestId();
      const at = { job_id: job.job_id };
      const readBack = unit.readBack(job);
      const first = await thief.say('reportWritten', at, {
        request_id,
        attempt: job.attempt,
        read_back: readBack,
      });
      if (first === undefined || 'code' in first) return undefined;
      return refused(
        await thief.say('reportWritten', at, {
          request_id,
          attempt: job.attempt,
          read_back: { ...readBack, chain_sha256: 'f'.repeat(64) },
        }),
        'idempotency_conflict',
      );
    }),
  'has its own key certified for the job of an honest board': async (thief, sights) => {
    const job = honestJob(sights);
    if (job === undefined) return undefined;
    return refused(
      await thief.say(
        'issueCredential',
        { job_id: job.jobId },
        {
          request_id: thief.requestId(),
          attempt: job.attempt,
          csr_b64: await thief.newUnit().csr(),
        },
      ),
      ...notTheirs,
    );
  },
  "has an honest board's key certified for its own ID": async (thief, sights) => {
    const heard = sights
      .overheard()
      .findLast(({ message }) => message.route === 'issueCredential' && message.stationId !== stolenStation);
    const label = thief.labels[0];
    if (heard === undefined || label === undefined) return undefined;
    const unit = thief.newUnit();
    const opened = await thief.open(unit, label);
    if (opened === undefined || 'code' in opened) return undefined;
    const broken = refused(
      await thief.say(
        'issueCredential',
        { job_id: opened.answer.job_id },
        {
          request_id: thief.requestId(),
          attempt: opened.answer.attempt,
          csr_b64: JSON.parse(heard.message.body).csr_b64,
        },
      ),
      'key_reused',
      'key_unsupported',
      'csr_invalid',
      'evidence_wrong',
    );
    await leave(thief, opened.answer);
    thief.labels.shift();
    return broken;
  },
  'says again what an honest station said': async (thief, sights) => {
    const heard = sights
      .overheard()
      .filter(({ message }) => message.stationId !== stolenStation && !unnumbered.has(message.route));
    if (heard.length === 0) return undefined;
    const { message } = thief.draw.pick(heard);
    return refused(
      await thief.say(message.route, message.params, JSON.parse(message.body)),
      ...notTheirs,
      'key_reused',
      'unit_conflict',
      'wrong_label',
      'device_quarantined',
      'bad_request',
      'nonce_invalid',
      'order_closed',
      'job_state_wrong',
      'transition_refused',
      'evidence_wrong',
    );
  },
  'completes what was never proven': (thief) =>
    withMint(thief, async ({ job, unit }) => {
      const state = unit.state(job);
      const nonce = 'a'.repeat(64);
      return refused(
        await thief.say(
          'completeJob',
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
          },
        ),
        'job_state_wrong',
        'nonce_invalid',
      );
    }),
  'proves with a nonce that it made up': (thief) =>
    withMint(thief, async (minted) => {
      if ((await nonceOf(thief, minted)) === undefined) return undefined;
      return prove(thief, minted, 'b'.repeat(64), minted.unit, 'nonce_invalid');
    }),
  'proves with another key': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return undefined;
      const other = thief.newUnit();
      other.certificateSha256 = minted.unit.certificateSha256;
      return prove(thief, minted, nonce, other, 'proof_wrong');
    }),
  'uses a nonce twice': (thief) =>
    withMint(thief, async (minted) => {
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return undefined;
      await prove(thief, minted, nonce, minted.unit);
      return prove(thief, minted, nonce, minted.unit, 'nonce_invalid', 'job_state_wrong');
    }),
  'has an honest board sign for a job that is not its': (thief, sights) =>
    withMint(thief, async (minted) => {
      const { job } = minted;
      const nonce = await nonceOf(thief, minted);
      if (nonce === undefined) return undefined;
      const signed = await sights.askBoard(job.job_id, nonce);
      if (signed === undefined) return undefined;
      if (signed.signsAnything) return 'a board signed bytes that the station chose';
      return refused(
        await thief.say(
          'submitProof',
          { job_id: job.job_id },
          {
            request_id: thief.requestId(),
            attempt: job.attempt,
            nonce,
            signature_b64: signed.signature,
          },
        ),
        'proof_wrong',
      );
    }),
  'sets aside a board of another station': async (thief, sights) => {
    const job = honestJob(sights);
    if (job === undefined) return undefined;
    return refused(
      await thief.say(
        'quarantineJob',
        { job_id: job.jobId },
        {
          request_id: thief.requestId(),
          attempt: job.attempt,
          step: 'key',
          failure_code: 'certificate_wrong',
          reason: 'a lie',
          other_unit: null,
        },
      ),
      ...notTheirs,
    );
  },
  'reports an operation for a board of another station': async (thief, sights) => {
    const device_id = sights.honestLabel();
    if (device_id === undefined) return undefined;
    return refused(
      await thief.say(
        'reportOperation',
        {},
        {
          request_id: thief.requestId(),
          device_id,
          operation: 'pack',
          outcome: 'pass',
          shift_id: thief.shiftId,
          note: null,
        },
      ),
      ...notTheirs,
      'bad_request',
      'job_state_wrong',
    );
  },
  'speaks in a session that it made up': async (thief) =>
    refused(
      await thief.say(
        'closeShift',
        { shift_id: thief.shiftId ?? 's' },
        { request_id: thief.requestId() },
        'w-0123456789abcdef0123',
      ),
      'station_session_taken',
      'not_authenticated',
    ),
  'guesses a badge': async (thief) =>
    refused(
      await thief.say('openShift', {}, { request_id: thief.requestId(), badge: `OP-${thief.requestId()}` }),
      'unknown_operator',
    ),
  'says what is no request': async (thief) => {
    const body = thief.draw.pick([
      '{}',
      '[]',
      'null',
      '"x"',
      '{"__proto__":{"a":1}}',
      JSON.stringify({ request_id: 'x'.repeat(9_999) }),
    ]);
    const route = thief.draw.pick([
      'openJob',
      'issueCredential',
      'completeJob',
      'recordCheck',
      'reportSealed',
    ] as const);
    const message = {
      stationId: stolenStation,
      sessionId: thief.sessionId,
      route,
      params: { job_id: '../x', check_id: 'c' },
      body,
    };
    const { answer } = await thief.sayRaw(message);
    if (answer === undefined || answer.status === 400) return undefined;
    return `it was answered with ${answer.status} ${answer.text.slice(0, 100)}`;
  },
};

async function prove(
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
  return codes.length === 0 ? undefined : refused(said, ...codes);
}

export const actNames: readonly string[] = Object.keys(acts);
