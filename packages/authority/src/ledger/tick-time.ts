/** The one time of a tick: never before the log's last entry, and none at all where the clock cannot be trusted (I-8). */
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { TickTime } from './ledger.ts';

/**
 * The time of a tick, after an entry of `lastAt`, by a clock that was read when it began.
 * @param requireSteady throws clock_untrusted where the clock jumped
 * @throws clock_untrusted where it stands before the log
 */
export function tickTime(
  of: TickTime,
  lastAt: string,
  clock: Date,
  requireSteady: (now: Date) => void,
): Date {
  const last = Date.parse(lastAt);
  if (of === 'of-last-entry') return new Date(last);
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

/**
 * Holds this machine's clock against that of the database's server, which every process on it shares. A clock that is ahead
 * would write a log that the others are behind, so `before` is the tick's time: however long the answer took, it is
 * never further ahead of the server's.
 * @param before this machine's clock when the server's was asked for
 * @param after when its answer was here
 * @throws clock_untrusted
 */
export function requireServerAgrees(before: Date, server: Date, after: Date): void {
  const aheadMs = before.getTime() - server.getTime();
  const behindMs = server.getTime() - after.getTime();
  const offMs = Math.max(aheadMs, behindMs);
  if (offMs <= limits.clockOffServerMs) return;
  const off = `${(offMs / 1000).toFixed(1)} s ${aheadMs > behindMs ? 'ahead of' : 'behind'}`;
  throw new ImprintError(
    'clock_untrusted',
    `this machine's clock says ${after.toISOString()} and is ${off} the clock of the database's server`,
    {
      hint: 'Nothing is written from here until they agree. Set the one that is wrong right (check NTP on both machines).',
      context: { clock: after.toISOString(), server: server.toISOString() },
    },
  );
}
