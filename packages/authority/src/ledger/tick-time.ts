/** The one time of a tick: never before the log's last entry, and none at all where the clock cannot be trusted (I-8). */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Clock } from '../surroundings.ts';
import type { TickTime } from './ledger.ts';

/**
 * The time of a tick that begins now, after an entry of `lastAt`.
 * @param requireSteady throws clock_untrusted where the clock jumped
 * @throws clock_untrusted where it stands before the log
 */
export function tickTime(
  of: TickTime,
  lastAt: string,
  readClock: Clock,
  requireSteady: (now: Date) => void,
): Date {
  const last = Date.parse(lastAt);
  if (of === 'of-last-entry') return new Date(last);
  const clock = readClock();
  requireSteady(clock);
  if (of === 'accepted') return clock;
  const time = clock.getTime();
  if (time < last - limits.clockBehindMs) {
    throw new ImprintError(
      'clock_untrusted',
      `this machine's clock says ${clock.toISOString()}, which is before the log's last entry of ${lastAt}`,
      {
        hint: 'Set the clock right (check NTP). If it is right, the log was written by a clock that was ahead: imprint clock accept.',
        context: { clock: clock.toISOString(), last_at: lastAt },
      },
    );
  }
  return new Date(Math.max(time, last));
}
