/** How much one station may have in work at once and begin in a minute: what a stolen station can do unseen is small. */
import { ImprintError } from '@imprint/contract/errors';
import type { Reading } from '../ledger/ledger.ts';
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
 * Room in the lanes and the rate of this station.
 * @param job the unit's own job, where it has one already: it takes no second lane
 * @throws lane_limit_reached, rate_limited
 */
export async function requireLane(
  reading: Reading,
  core: LineCore,
  station: AuthorizedStation,
  job: Job | undefined,
): Promise<void> {
  const live = await reading.tx
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('station_id', '=', station.stationId)
    .where('active', '=', 1)
    .where('lease_expires_at', '>', reading.at)
    .where('job_id', '!=', job?.job_id ?? '')
    .executeTakeFirstOrThrow();
  if (Number(live.count) >= station.lanes) {
    throw new ImprintError(
      'lane_limit_reached',
      `station ${station.stationId} has ${live.count} jobs open and ${station.lanes} lanes`,
      { hint: 'Finish the units that are in the fixtures first.' },
    );
  }
  const minuteAgo = new Date(reading.now.getTime() - 60_000).toISOString();
  const recent = await reading.tx
    .selectFrom('attempt')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('station_id', '=', station.stationId)
    .where('started_at', '>', minuteAgo)
    .executeTakeFirstOrThrow();
  if (Number(recent.count) >= station.lanes * core.jobsPerLaneAMinute) {
    throw new ImprintError(
      'rate_limited',
      `station ${station.stationId} opens jobs faster than its lanes can work`,
      { hint: 'Wait a minute. If the line really is this fast, ask for a higher rate.' },
    );
  }
}
