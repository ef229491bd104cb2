/** How much one station may have in work at once and begin in a minute: what a stolen station can do unseen is small. */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { AuthorizedStation } from './authorize-station.ts';
import type { Job } from './job.ts';
import type { LineCore } from './line-core.ts';

/** @throws bad_request where the station was enrolled with fewer lanes */
export function requireKnownLane(station: AuthorizedStation, lane: number): void {
  if (lane <= station.lanes) return;
  throw new ImprintError(
    'bad_request',
    `station ${station.stationId} has ${station.lanes} lanes; there is no lane ${lane}`,
    { hint: 'Correct the lanes in the station’s settings, or enrol the station anew with more of them.' },
  );
}

/**
 * The jobs whose attempt this station began in an earlier session and never ended: the process that ran them is gone, so
 * they hold no lane. What it knew of them it has told by now, or never will.
 */
export async function leftJobs(reading: Reading, station: AuthorizedStation): Promise<JobAttempt[]> {
  const before = { station_id: station.stationId, log_size: station.sessionLogSize };
  return (await selectLeft(reading.tx, before)).rows;
}

/**
 * Room in the lanes and the rate of this station.
 * @param job the unit's own job, where it has one already: it takes no second lane
 * @param left jobs that are ended with this decision: they take none any more
 * @throws lane_limit_reached, rate_limited
 */
export async function requireLane(
  reading: Reading,
  core: LineCore,
  station: AuthorizedStation,
  job: Job | undefined,
  left: readonly Pick<Job, 'job_id'>[],
): Promise<void> {
  const { rows } = await selectLive(reading.tx, { station_id: station.stationId, at: reading.at });
  const ended = new Set([job?.job_id, ...left.map(({ job_id }) => job_id)]);
  const live = rows.filter(({ job_id }) => !ended.has(job_id)).length;
  if (live >= station.lanes) {
    throw new ImprintError(
      'lane_limit_reached',
      `station ${station.stationId} has ${live} jobs open and ${station.lanes} lanes`,
      { hint: 'Finish the units that are in the fixtures first.' },
    );
  }
  const minuteAgo = new Date(reading.now.getTime() - 60_000).toISOString();
  const [recent] = (await countRecent(reading.tx, { station_id: station.stationId, since: minuteAgo })).rows;
  if (Number(recent!.count) >= station.lanes * core.jobsPerLaneAMinute) {
    throw new ImprintError(
      'rate_limited',
      `station ${station.stationId} opens jobs faster than its lanes can work`,
      { hint: 'Wait a minute. If the line really is this fast, ask for a higher rate.' },
    );
  }
}

type JobAttempt = Pick<Job, 'job_id' | 'attempt'>;

const selectLeft = statement<{ station_id: string; log_size: number }, JobAttempt>((db, arg) =>
  db
    .selectFrom('job')
    .innerJoin('attempt', (join) =>
      join.onRef('attempt.job_id', '=', 'job.job_id').onRef('attempt.attempt', '=', 'job.attempt'),
    )
    .select(['job.job_id', 'job.attempt'])
    .where('job.station_id', '=', arg('station_id'))
    .where('job.active', '=', 1)
    .where('attempt.log_index', '<', arg('log_size'))
    .orderBy('job.job_id')
    .limit(limits.lanesPerStation),
);

const selectLive = statement<{ station_id: string; at: string }, Pick<Job, 'job_id'>>((db, arg) =>
  db
    .selectFrom('job')
    .select('job_id')
    .where('station_id', '=', arg('station_id'))
    .where('active', '=', 1)
    .where('lease_expires_at', '>', arg('at')),
);

const countRecent = statement<{ station_id: string; since: string }, { count: number }>((db, arg) =>
  db
    .selectFrom('attempt')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('station_id', '=', arg('station_id'))
    .where('started_at', '>', arg('since')),
);
