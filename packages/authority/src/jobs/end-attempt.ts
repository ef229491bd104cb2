/** An attempt ends short of completion: its visit is over, or it failed; at the rework cap the unit is set aside. */
import type { StationRequest } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { JobState } from '@imprint/contract/job-state';
import type { Draft, Reading } from '../ledger/ledger.ts';
import { requireJob } from './job.ts';
import type { LineCore, StationCaller } from './line-core.ts';
import { decideOnce } from './once.ts';
import { countsAgainstUnit, failedAttempts } from './open-job.ts';
import { quarantineDrafts } from './quarantine.ts';

/**
 * An attempt that has ended already (another one began, or the unit was set aside) stays as it is: a report that
 * comes late changes nothing.
 * @throws unknown_job
 */
export function endAttempt(
  core: LineCore,
  caller: StationCaller,
  jobId: string,
  request: StationRequest<'endAttempt'>,
): Promise<{ state: JobState; attempts_left: number }> {
  return decideOnce(core.ledger, caller, `endAttempt ${jobId}`, request, async (reading, station) => {
    const job = await requireJob(reading, jobId);
    await requireOwnAttempt(reading, station.stationId, jobId, request.attempt);
    const contract = await core.contracts.get(reading.tx, job.contract_sha256);
    const cap = contract.rework.attempts_cap;
    const failedBefore = await failedAttempts(reading, jobId);
    const live = job.station_id === station.stationId && job.active === 1 && job.attempt === request.attempt;
    if (!live) {
      return { entries: [], outcome: { state: job.state, attempts_left: Math.max(0, cap - failedBefore) } };
    }
    const { attempt, outcome, step, failure_code, reason, durations_ms } = request;
    const entries: Draft[] = [
      {
        type: 'attempt.ended',
        actor: { kind: 'station', id: caller.stationId },
        data: { job_id: jobId, attempt, outcome, step, failure_code, reason, durations_ms },
      },
    ];
    const counts = outcome === 'failed' && countsAgainstUnit(failure_code);
    const left = Math.max(0, cap - failedBefore - (counts ? 1 : 0));
    if (left > 0 || !counts) return { entries, outcome: { state: job.state, attempts_left: left } };
    entries.push(
      ...(await quarantineDrafts(reading, caller, job.device_id, {
        step: step ?? 'identify',
        failure_code: failure_code ?? 'station_failed',
        reason:
          `failed ${cap} times, the rework cap; last: ${reason ?? failure_code ?? 'no reason given'}`.slice(
            0,
            500,
          ),
      })),
    );
    return { entries, outcome: { state: 'quarantined', attempts_left: 0 } };
  });
}

/** How another station's attempt went is no station's business. @throws unknown_job */
async function requireOwnAttempt(
  reading: Reading,
  stationId: string,
  jobId: string,
  attempt: number,
): Promise<void> {
  const own = await reading.tx
    .selectFrom('attempt')
    .select('attempt')
    .where('job_id', '=', jobId)
    .where('attempt', '=', attempt)
    .where('station_id', '=', stationId)
    .executeTakeFirst();
  if (!own)
    throw new ImprintError('unknown_job', `station ${stationId} made no attempt ${attempt} of job ${jobId}`);
}
