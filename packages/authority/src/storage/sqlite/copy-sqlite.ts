/**
 * Copies a database file while others write to it: what is copied is the database of one moment, in one file that needs no
 * other beside it.
 */
import { closeSync, openSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';

/** Pages of one step, between which others are heard: 4 MB. */
const pagesAtOnce = 1_000;

/**
 * Copies `file` to `to`, a new file of mode 0600. It is not synced: its folder is, once all of it is there.
 * Whoever writes meanwhile is not held up, but the WAL grows until the copy is made.
 * @param onProgress hears of pages copied, and of all there are
 * @throws storage_failed where the database cannot be read; what the disk says where it takes no more
 */
export async function copySqlite(
  file: string,
  to: string,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<void> {
  closeSync(openSync(to, 'wx', 0o600));
  const source = openSource(file);
  try {
    // a transaction for reads is the one moment; without it each commit of others would begin the copy anew
    source.exec('begin');
    source.pragma('schema_version');
    await source.backup(to, {
      progress: ({ totalPages, remainingPages }) => {
        onProgress(totalPages - remainingPages, totalPages);
        return pagesAtOnce;
      },
    });
  } finally {
    source.close();
  }
  endWal(to);
}

/** Turns a database that nobody has open into one file: opened for reading, it makes no others beside it. */
export function endWal(file: string): void {
  const database = new Database(file);
  try {
    database.pragma('journal_mode = DELETE');
  } finally {
    database.close();
  }
}

function openSource(file: string): Database.Database {
  try {
    return new Database(file, { readonly: true, fileMustExist: true });
  } catch (cause) {
    throw new ImprintError('storage_failed', `${file} cannot be opened as a database`, {
      hint: 'Check that the path names the database of an authority.',
      cause,
    });
  }
}
