/** What waits in the outbox, and whether the journal keeps no more than it should. */
import { existsSync } from 'node:fs';
import { limits } from '@imprint/contract/limits';
import { defaultJournalDays } from '@imprint/station/start-line';
import { openJournalToLook } from '../../open-journal-to-look.ts';
import { type Finding, ok, together, warn } from '../check.ts';
import { ofStation } from './facts.ts';

const hourMs = 3_600_000;

export const journal = ofStation('journal', ({ journalPath, settings }, { now }) => {
  if (!existsSync(journalPath)) return ok('there is none yet');
  const open = openJournalToLook(journalPath);
  try {
    const { waiting, waiting_since, oldest } = open.ages();
    const hoursSince = (time: string) => (now().getTime() - Date.parse(time)) / hourMs;
    const findings: Finding[] = [];
    if (waiting_since !== null && hoursSince(waiting_since) > limits.reportOldHours) {
      findings.push(
        warn(
          `${waiting} reports wait, the oldest since ${waiting_since}`,
          'Start the station where it reaches the authority: it sends them first. Until then their units look unfinished there.',
        ),
      );
    }
    const days = settings.journal_days ?? defaultJournalDays;
    if (oldest !== null && hoursSince(oldest) > (days + 1) * 24) {
      findings.push(
        warn(
          `the journal goes back to ${oldest}, longer than its ${days} days`,
          'Start the station: it forgets then what was acknowledged. A PC that is out of use is enrolled no longer: revoke it, and wipe its disk.',
        ),
      );
    }
    const reports = waiting === 0 ? 'no report waits' : `${waiting} reports wait, not for long`;
    return together(findings, `${reports}; it goes back to ${oldest ?? 'nothing'}`);
  } finally {
    open.close();
  }
});
