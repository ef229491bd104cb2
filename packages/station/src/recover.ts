/**
 * What a station does first after any end, clean or not: the same acts, whether it was switched off or killed. Units are not
 * looked for: whoever lies in a fixture is scanned again, and goes on from what is read on it.
 */
import { isImprintError } from '@imprint/contract/errors';
import { isJournalFailure, type Journal } from './journal.ts';
import type { Outbox } from './outbox.ts';

const dayMs = 86_400_000;

export interface Recovered {
  /** Reports of former runs that the authority has now. */
  delivered: number;
  /** Reports that still wait. */
  waiting: number;
  /** Attempts that were broken off, now ended, so that their leases are free. */
  endedAttempts: string[];
  purged: number;
}

/** @throws storage_failed */
export async function recover(
  journal: Journal,
  outbox: Outbox,
  now: () => Date,
  journalDays: number,
): Promise<Recovered> {
  const { delivered } = await outbox.deliverWaiting();
  const endedAttempts: string[] = [];
  for (const { job_id, attempt, step, device_id } of journal.openAttempts()) {
    const report = {
      attempt,
      outcome: 'failed' as const,
      step,
      failure_code: 'station_failed' as const,
      reason: 'the station was stopped during this attempt',
      durations_ms: {},
    };
    try {
      await outbox.send('endAttempt', { job_id }, report);
    } catch (error) {
      // Unanswered, it waits in the outbox; refused, the authority has closed the attempt by itself.
      if (!isImprintError(error) || isJournalFailure(error)) throw error;
    }
    journal.recordEnd(job_id, attempt, 'failed', 'station_failed');
    endedAttempts.push(device_id);
  }
  const purged = journal.purge(new Date(now().getTime() - journalDays * dayMs).toISOString());
  return { delivered, waiting: journal.undelivered().length, endedAttempts, purged };
}
