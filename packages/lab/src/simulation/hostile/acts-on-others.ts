/** What a thief tries with the jobs, boards and words of others, while they are at work. */
import { limits } from '@imprint/contract/limits';
import { type Act, allowed, type Outcome, refused, type Sights, together } from './act.ts';
import { leave, mintJob, openJob } from './own-jobs.ts';

/** A job that another station has in work now. */
async function honestJob(sights: Sights): Promise<{ jobId: string; attempt: number } | undefined> {
  const heard = await sights.next('issueCredential');
  if (heard === undefined) return undefined;
  return { jobId: heard.message.params.job_id!, attempt: JSON.parse(heard.message.body).attempt };
}

/** What changes nothing, or is the station's own. */
const unnumbered: ReadonlySet<string> = new Set(['openSession', 'contract', 'openShift', 'closeShift']);

export const actsOnOthers: Record<string, Act> = {
  'takes an ID of an order that is not its': async (thief, sights) => {
    const label = sights.honestLabel();
    if (label === undefined) return 'not tried';
    return refused(await thief.open(thief.newUnit(), label), 'not_authorized');
  },
  'takes an ID that nobody allocated': async (thief, sights) =>
    refused(await thief.open(thief.newUnit(), sights.strangeLabel()), 'not_allocated'),
  'has its own key certified for the job of an honest board': async (thief, sights) => {
    const job = await honestJob(sights);
    if (job === undefined) return 'not tried';
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
      'job_not_open',
    );
  },
  'says again what an honest station said': async (thief, sights) => {
    const heard = sights.overheard.filter(({ message }) => !unnumbered.has(message.route));
    if (heard.length === 0) return 'not tried';
    const { message } = thief.draw.pick(heard);
    const request = JSON.parse(message.body);
    // a shift is a station's own; under the thief's, what comes behind that is tried too
    if ('shift_id' in request) request.shift_id = thief.shiftId;
    return refused(
      await thief.say(message.route, message.params, request),
      'not_authorized',
      'job_not_open',
      'unknown_job',
      'not_allocated',
      'device_already_done',
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
    const job = await honestJob(sights);
    if (job === undefined) return 'not tried';
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
      'not_authorized',
    );
  },
  'reports an operation for a board of another station': async (thief, sights) => {
    const heard = await sights.next('openJob');
    if (heard === undefined) return 'not tried';
    const { device_id } = JSON.parse(heard.text);
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
      'not_authorized',
    );
  },
  "has an honest board's key certified for its own ID": async (thief, sights) => {
    // of the thief's kind of board: another's request is refused for its kind of key already
    const opened = await openJob(thief, thief.newUnit());
    if (opened === undefined) return 'not tried';
    const heard = await sights.next('issueCredential', (stationId) => stationId.startsWith('gw-'));
    if (heard === undefined) {
      await leave(thief, opened);
      return 'not tried';
    }
    const outcome = refused(
      await thief.say(
        'issueCredential',
        { job_id: opened.job_id },
        {
          request_id: thief.requestId(),
          attempt: opened.attempt,
          csr_b64: JSON.parse(heard.message.body).csr_b64,
        },
      ),
      'key_reused',
    );
    await leave(thief, opened);
    return outcome;
  },
  // that the first was not set aside, and of the others no more than the cap, is read from the log
  'sets a board of another station aside as mixed up with its own, and unknown ones by the dozen': async (
    thief,
    sights,
  ) => {
    const heard = await sights.next('openJob');
    if (heard === undefined) return 'not tried';
    const minted = await mintJob(thief);
    if (minted === undefined) return 'not tried';
    const { job } = minted;
    const honest = JSON.parse(heard.message.body).hardware_uid;
    const strange = Array.from({ length: limits.unknownBoardsAnHour + 2 }, () => thief.newUnit().hardwareUid);
    const outcomes: Outcome[] = [];
    for (const other_unit of [honest, ...strange]) {
      outcomes.push(
        allowed(
          await thief.say(
            'quarantineJob',
            { job_id: job.job_id },
            {
              request_id: thief.requestId(),
              attempt: job.attempt,
              step: 'key',
              failure_code: 'foreign_identity',
              reason: 'a lie',
              other_unit,
            },
          ),
        ),
      );
    }
    await leave(thief, job);
    return together(...outcomes);
  },
};
