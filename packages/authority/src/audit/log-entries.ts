/** The stored log, entry after entry, a page at a time: whoever reads all of it holds no more than a page. */
import type { Kysely } from 'kysely';
import type { LogEntryTable, Tables } from '../storage/tables.ts';

const pageEntries = 500;

export async function* logEntries(reader: Kysely<Tables>, from = 0): AsyncGenerator<LogEntryTable> {
  let next = from;
  for (;;) {
    const rows = await reader
      .selectFrom('log_entry')
      .selectAll()
      .where('log_index', '>=', next)
      .orderBy('log_index')
      .limit(pageEntries)
      .execute();
    yield* rows;
    if (rows.length < pageEntries) return;
    next = rows.at(-1)!.log_index + 1;
  }
}
