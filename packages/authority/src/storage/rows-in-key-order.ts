/** Reads a whole table in the order of its key, a page at a time: memory stays flat, and two databases give the same order. */
import { type Kysely, sql } from 'kysely';
import { primaryKeys, type TableName } from './schema.ts';
import type { Tables } from './tables.ts';

export type Row = Record<string, unknown>;

const pageRows = 500;

export async function* pagesInKeyOrder(
  db: Kysely<Tables>,
  table: TableName,
): AsyncGenerator<Row[], undefined> {
  const key = primaryKeys[table] as readonly string[];
  const columns = sql.join(key.map((column) => sql.ref(column)));
  let after: Row | undefined;
  for (;;) {
    const from =
      after === undefined
        ? sql``
        : sql`where (${columns}) > (${sql.join(key.map((column) => after![column]))})`;
    const { rows } =
      await sql<Row>`select * from ${sql.table(table)} ${from} order by ${columns} limit ${sql.lit(pageRows)}`.execute(
        db,
      );
    if (rows.length > 0) yield rows;
    if (rows.length < pageRows) return undefined;
    after = rows.at(-1);
  }
}
