/** Brings a restored log up to what others know of it, where the entries in between are at hand; says plainly what is lost where they are not. */
import { takeUpEntries } from '@imprint/authority/ledger/take-up-entries';
import type { Storage } from '@imprint/authority/storage/storage';
import { ImprintError } from '@imprint/contract/errors';
import { entriesIn } from './brought-entries.ts';
import { type Evidence, newestOf } from './evidence.ts';

/**
 * Appends what the log lacks up to the newest evidence.
 * @param files of entries
 * @returns how many were appended
 * @throws log_inconsistent, file_invalid, entry_invalid
 */
export async function bringUpTo(
  storage: Storage,
  evidence: readonly Evidence[],
  files: readonly string[],
  onProgress: (appended: number) => void = () => undefined,
): Promise<number> {
  const newest = newestOf(evidence);
  if (newest === undefined) {
    throw new ImprintError('usage', '--entries needs a checkpoint that vouches for them', {
      hint: 'Give the newest checkpoint of a station, a witness or a receipt with --checkpoint: entries are taken up to it.',
    });
  }
  const { size } = await storage.reader.selectFrom('log_head').select('size').executeTakeFirstOrThrow();
  return newest.size <= size ? 0 : takeUpEntries(storage, entriesIn(files), newest, onProgress);
}

/** @returns log_inconsistent, with what is lost and what can be done */
export function lostEntries(have: number, newest: Evidence): ImprintError {
  const lost = newest.size - have;
  const which = lost === 1 ? `entry ${have} is` : `entries ${have} to ${newest.size - 1} are`;
  return new ImprintError(
    'log_inconsistent',
    `a checkpoint of ${newest.size} entries was signed, and this log has ${have}: ${which} missing, with whatever was issued in ${lost === 1 ? 'it' : 'them'}`,
    {
      hint: 'Bring them with --entries: imprint audit export on the database that was lost, if it can still be read, or what imprint backup entries kept elsewhere. Without them this log can never go on: the next signature would contradict one that was given out. Keep it as a record, and make a new authority.',
      context: { have, signed: newest.size },
    },
  );
}
