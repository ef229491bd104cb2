/** Copies every row of every table from one database to another that has none: rows are carried over as they are, and nothing is judged. */
import type { Kysely } from 'kysely';
import { pagesInKeyOrder, type Row } from './rows-in-key-order.ts';
import { primaryKeys, type TableName } from './schema.ts';
import type { Tables } from './tables.ts';

/** Runs inside the caller's transactions. `onProgress` hears of the table and its rows so far. */
export async function copyTables(
  from: Kysely<Tables>,
  to: Kysely<Tables>,
  onProgress: (table: TableName, rows: number) => void = () => undefined,
): Promise<void> {
  // a new database has the head of an empty log
  await to.deleteFrom('log_head').execute();
  for (const table of Object.keys(primaryKeys) as TableName[]) {
    let copied = 0;
    for await (const rows of pagesInKeyOrder(from, table)) {
      await (to as unknown as Kysely<Record<string, Row>>).insertInto(table).values(rows).execute();
      copied += rows.length;
      onProgress(table, copied);
    }
  }
}
