/** Which function of the job flow stands behind each route of the station listener. */
import type { ResponseOf } from '@imprint/contract/api/route';
import type { StationResponse, StationRoutes } from '@imprint/contract/api/station';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { openCheck, recordCheck } from '../jobs/checks.ts';
import { completeJob } from '../jobs/complete-job.ts';
import { endAttempt } from '../jobs/end-attempt.ts';
import { CredentialIssuing, type IssuedCredential } from '../jobs/issue-credential.ts';
import { jobView, receiptOf } from '../jobs/job-view.ts';
import type { LineCore } from '../jobs/line-core.ts';
import { openJob } from '../jobs/open-job.ts';
import { reportOperation } from '../jobs/operations.ts';
import { quarantineJob } from '../jobs/quarantine.ts';
import { reportSealed } from '../jobs/report-sealed.ts';
import { reportWritten } from '../jobs/report-written.ts';
import { closeShift, openShift } from '../jobs/shifts.ts';
import { type RaiseStationAlarm, stationAlarms } from '../jobs/station-alarms.ts';
import { submitProof } from '../jobs/submit-proof.ts';
import { Pace } from '../pace.ts';
import { contractText } from '../registry/contract-shelf.ts';
import { collectEnrolment, requestEnrolment } from '../stations/enrolment.ts';
import { openSession } from '../stations/session.ts';
import type { StationCore } from '../stations/station-core.ts';
import { problemOf, unfitToWrite } from './problem.ts';
import type { StationHandlers } from './station-handlers.ts';

type Completion = ResponseOf<StationRoutes['completeJob']>;

/** @param report hears of every fault of ours that one unit of many met */
export function lineHandlers(
  line: LineCore,
  stations: StationCore,
  report: (error: unknown) => void,
): StationHandlers {
  const issuing = new CredentialIssuing(line);
  const wrongBadges = new Pace({ burst: limits.wrongBadges, perSecond: limits.wrongBadgesAMinute / 60 }, () =>
    line.clock().getTime(),
  );
  const alarm = stationAlarms(line.ledger, line.clock);
  return {
    requestEnrolment: (request) => requestEnrolment(stations, request),
    collectEnrolment: (request) => collectEnrolment(stations, request),
    openSession: (request, { stationId }) => openSession(line, stationId, request),
    contract: async (_, __, { contract_sha256 }) => ({
      text: await contractText(line.ledger.reader, contract_sha256!),
    }),
    openShift: (request, caller) =>
      withoutGuessing(wrongBadges, alarm, caller.stationId, () => openShift(line, caller, request)),
    closeShift: (request, caller, { shift_id }) => closeShift(line, caller, shift_id!, request),
    openJob: async (request, caller) => {
      const { job_id, attempt } = await openJob(line, caller, request);
      return jobView(line, job_id, attempt);
    },
    issueCredential: (request, caller, { job_id }) => issuing.issue(caller, job_id!, request),
    issueCredentials: async ({ units }, caller) =>
      ofOneChain(
        await Promise.all(
          units.map(({ job_id, ...request }) => outcomeOf(issuing.issue(caller, job_id, request), report)),
        ),
      ),
    reportWritten: (request, caller, { job_id }) => reportWritten(line, caller, job_id!, request),
    submitProof: (request, caller, { job_id }) => submitProof(line, caller, job_id!, request),
    reportSealed: (request, caller, { job_id }) => reportSealed(line, caller, job_id!, request),
    completeJob: async (request, caller, { job_id }): Promise<Completion> => {
      const { device_id, device_state } = await completeJob(line, caller, job_id!, request);
      return { receipt: await receiptOf(line, device_id), device_state };
    },
    endAttempt: (request, caller, { job_id }) => endAttempt(line, caller, job_id!, request),
    quarantineJob: (request, caller, { job_id }) => quarantineJob(line, caller, job_id!, request),
    reportOperation: (request, caller) => reportOperation(line, caller, request),
    openCheck: (request, caller) => openCheck(line, caller, request),
    recordCheck: (request, caller, { check_id }) => recordCheck(line, caller, check_id!, request),
  };
}

/** These are said of the station or of this process, and not of a unit: a request about many is refused whole. */
const ofAll = [
  ...unfitToWrite,

  'not_authenticated',
  'station_pending',
  'station_revoked',
  'station_session_taken',
] as const;

/** What one unit of many comes to: the others go on, whatever it is. */
async function outcomeOf(
  issuing: Promise<IssuedCredential>,
  report: (error: unknown) => void,
): Promise<StationResponse<'issueCredentials'>['outcomes'][number]> {
  try {
    return { credential: { ...(await issuing) } };
  } catch (error) {
    if (isImprintError(error, ...ofAll)) throw error;
    return { problem: problemOf(error, () => report(error)) };
  }
}

/** The chain of the first stands once for all; one that is certified under another CA brings its own. */
function ofOneChain(
  outcomes: StationResponse<'issueCredentials'>['outcomes'],
): StationResponse<'issueCredentials'> {
  const chains = outcomes.map((outcome) =>
    'credential' in outcome ? outcome.credential.chain_pem : undefined,
  );
  const common = chains.find((chain) => chain !== undefined) ?? '';
  for (const outcome of outcomes) {
    if ('credential' in outcome && outcome.credential.chain_pem === common)
      delete outcome.credential.chain_pem;
  }
  return { chain_pem: common, outcomes };
}

/** A badge is short, and whoever has a station's key can try them all: each try counts until it was right. */
async function withoutGuessing<T>(
  wrongBadges: Pace,
  alarm: RaiseStationAlarm,
  stationId: string,
  open: () => Promise<T>,
): Promise<T> {
  if (!wrongBadges.take(stationId)) {
    await alarm(
      'guesses-badges',
      stationId,
      'it has shown more badges that nobody has than people do by mistake',
    );
    throw new ImprintError('rate_limited', `too many unknown badges were shown at station ${stationId}`, {
      hint: 'Wait a minute, then scan a registered badge.',
    });
  }
  let wasWrong = false;
  try {
    return await open();
  } catch (error) {
    wasWrong = isImprintError(error, 'unknown_operator');
    throw error;
  } finally {
    if (!wasWrong) wrongBadges.giveBack(stationId);
  }
}
