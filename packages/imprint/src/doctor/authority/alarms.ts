/** Alarms that nobody has looked at: up to which entry somebody has is kept in the home, by `doctor --alarms-seen`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '@imprint/contract/limits';
import { z } from 'zod';
import type { AuthorityHome } from '../../authority-home.ts';
import type { OpenAuthority } from '../../open-authority.ts';
import { readBoundedFile } from '../../read-bounded-file.ts';
import { plain } from '../../say.ts';
import { writeSecretFile } from '../../write-secret-file.ts';
import { ok, warn } from '../check.ts';
import { ofDatabase } from './facts.ts';

const shown = 5;
const seen = z.strictObject({ size: z.int().min(0) });
const fileOf = ({ folder }: AuthorityHome) => join(folder, 'alarms-seen.json');

/** Entries of the log up to which the alarms were looked at. */
function seenSize(home: AuthorityHome): number {
  const file = fileOf(home);
  if (!existsSync(file)) return 0;
  return seen.parse(JSON.parse(readBoundedFile(file, limits.noteBytes))).size;
}

/** Somebody has looked at all that there are. */
export async function markAlarmsSeen({
  home,
  ledger,
}: Pick<OpenAuthority, 'home' | 'ledger'>): Promise<void> {
  const { size } = await ledger.head();
  writeSecretFile(fileOf(home), `${JSON.stringify({ size })}\n`);
}

export const alarms = ofDatabase('alarms', async ({ storage }, { home }) => {
  const since = () => storage.reader.selectFrom('alarm').where('log_index', '>=', seenSize(home));
  const kinds = await since()
    .select((eb) => ['kind', eb.fn.countAll().as('count')])
    .groupBy('kind')
    .orderBy('kind')
    .execute();
  if (kinds.length === 0) return ok('none that nobody has looked at');
  const newest = await since()
    .select(['kind', 'subject', 'detail', 'raised_at'])
    .orderBy('log_index', 'desc')
    .limit(shown)
    .execute();
  const lines = newest.map(
    ({ kind, subject, detail, raised_at }) => `${raised_at} ${kind} (${subject}): ${detail}`,
  );
  return warn(
    plain(
      `${kinds.map(({ kind, count }) => `${count} ${kind}`).join(', ')}; the newest: ${lines.join('; ')}`,
    ),
    'Look into each. Then say so: imprint doctor --home DIR --alarms-seen.',
  );
});
