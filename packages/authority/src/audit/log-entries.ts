/** The stored log, entry after entry, a page at a time: whoever reads all of it holds no more than a page. */
import { isImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import { unpackEntry } from '../storage/packed-entry.ts';
import type { LogEntryTable, Tables } from '../storage/tables.ts';

/** An entry as the log hashes it, and the hash that is stored beside it; nothing says yet that they belong together. */
export interface StoredEntry {
  log_index: number;
  bytes: Uint8Array;
  leaf_hash: Uint8Array;
}

const pageEntries = 500;

/** From `from` on. What cannot be unpacked is given as it is stored: no reader takes it for an entry, and it hashes to no leaf. */
export async function* logEntries(reader: Kysely<Tables>, from = 0): AsyncGenerator<StoredEntry> {
  let next = from;
  for (;;) {
    const rows = await reader
      .selectFrom('log_entry')
      .select(['log_index', 'packed', 'leaf_hash'])
      .where('log_index', '>=', next)
      .orderBy('log_index')
      .limit(pageEntries)
      .execute();
    for (const { packed, ...row } of rows) yield { ...row, bytes: bytesOf(packed) };
    if (rows.length < pageEntries) return;
    next = rows.at(-1)!.log_index + 1;
  }
}

function bytesOf(packed: LogEntryTable['packed']): Uint8Array {
  try {
    return unpackEntry(packed);
  } catch (error) {
    if (isImprintError(error, 'log_inconsistent')) return packed;
    throw error;
  }
}
