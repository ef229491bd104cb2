/** What a thief tries with the jobs, boards and words of others. */
import { type Act, notDone, refused, type Sights } from './act.ts';
import { stolenStation } from './stolen-station.ts';

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

export const actsOnOthers: Record<string, Act> = {
  'takes an ID of an order that is not its': async (thief, sights) => {
    const label = sights.honestLabel();
    if (label === undefined) return notDone;
    return refused(
      await thief.open(thief.newUnit(), label),
      ...notTheirs,
      'unit_conflict',
      'device_quarantined',
    );
  },
  'takes an ID that nobody allocated': async (thief, sights) =>
    refused(await thief.open(thief.newUnit(), sights.strangeLabel()), 'not_allocated'),
  'has its own key certified for the job of an honest board': async (thief, sights) => {
    const job = honestJob(sights);
    if (job === undefined) return notDone;
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
  'says again what an honest station said': async (thief, sights) => {
    const heard = sights
      .overheard()
      .filter(({ message }) => message.stationId !== stolenStation && !unnumbered.has(message.route));
    if (heard.length === 0) return notDone;
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
  'sets aside a board of another station': async (thief, sights) => {
    const job = honestJob(sights);
    if (job === undefined) return notDone;
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
    if (device_id === undefined) return notDone;
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
    if (answer === undefined) return notDone;
    if (answer.status === 400) return undefined;
    return `it was answered with ${answer.status} ${answer.text.slice(0, 100)}`;
  },
};
