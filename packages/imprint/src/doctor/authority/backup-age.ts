/** How old the last backup is. It does not know whether that one still exists, or can be read. */
import { limits } from '@imprint/contract/limits';
import { readLastBackup } from '../../backup/last-backup.ts';
import { type Check, fail, ok, warn } from '../check.ts';
import type { AuthorityFacts } from './facts.ts';

const advice =
  'Back it up daily and carry it elsewhere: imprint backup --home DIR --to NEW (docs/guide/backup.md).';

export const backupAge: Check<AuthorityFacts> = {
  name: 'backup',
  look: ({ home, now, configuration }) => {
    const last = readLastBackup(home);
    if (last === undefined) {
      return configuration.database === undefined
        ? fail('no backup was ever made', advice)
        : warn(
            'no backup was ever made with imprint backup',
            `${advice} Backups of PostgreSQL itself are not seen here.`,
          );
    }
    const hours = (now.getTime() - Date.parse(last.at)) / 3_600_000;
    const detail = `the last one is ${hours < 48 ? `${Math.floor(hours)} hours` : `${Math.floor(hours / 24)} days`} old and has ${last.size} entries`;
    if (hours > limits.backupFarTooOldHours) return fail(detail, advice);
    return hours > limits.backupOldHours ? warn(detail, advice) : ok(detail);
  },
};
