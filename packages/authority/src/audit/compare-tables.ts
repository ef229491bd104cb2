/**
 * Holds two databases' projected tables against each other, table by table and row by row in the order of their keys,
 * and names what differs (I-15). Memory stays flat: both sides are read a page at a time.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import { pagesInKeyOrder, type Row } from '../storage/rows-in-key-order.ts';
import { columnsOf, primaryKeys, projectedTables, type TableName } from '../storage/schema.ts';
import type { Tables } from '../storage/tables.ts';
import type { Findings } from './finding.ts';

/** Adds a finding for each row that is missing, too many, or different in a column, where `rebuilt` is what the log or another source says. */
export async function compareTables(
  live: Kysely<Tables>,
  rebuilt: Kysely<Tables>,
  findings: Findings,
  tables: readonly TableName[] = projectedTables,
): Promise<void> {
  for (const table of tables) await compareTable(table, live, rebuilt, findings);
}

async function compareTable(
  table: TableName,
  live: Kysely<Tables>,
  rebuilt: Kysely<Tables>,
  findings: Findings,
): Promise<void> {
  const columns = columnsOf(table);
  const stored = await RowCursor.at(live, table);
  const expected = await RowCursor.at(rebuilt, table);
  for (;;) {
    const [left, right] = [stored.row, expected.row];
    if (left === undefined && right === undefined) return;
    const order = left === undefined ? 1 : right === undefined ? -1 : compareKeys(table, left, right);
    if (order === 0) {
      compareRow(table, columns, left!, right!, findings);
    } else if (order < 0) {
      findings.add({ table, row: keyText(table, left!), what: 'is in the table and not in the log' });
    } else {
      findings.add({ table, row: keyText(table, right!), what: 'is in the log and missing from the table' });
    }
    // awaited at the end of a page alone: there are very many rows
    if (order <= 0 && !stored.step()) await stored.turn();
    if (order >= 0 && !expected.step()) await expected.turn();
  }
}

/** A table's rows one after another. */
class RowCursor {
  readonly #pages: AsyncGenerator<Row[]>;
  #page: Row[] = [];
  #next = 0;

  private constructor(pages: AsyncGenerator<Row[]>) {
    this.#pages = pages;
  }

  /** At the first row. */
  static async at(db: Kysely<Tables>, table: TableName): Promise<RowCursor> {
    const cursor = new RowCursor(pagesInKeyOrder(db, table));
    await cursor.turn();
    return cursor;
  }

  /** Undefined after the last one. */
  get row(): Row | undefined {
    return this.#page[this.#next];
  }

  /** Goes on within the page; false at its end, where `turn` is next. */
  step(): boolean {
    this.#next++;
    return this.#next < this.#page.length;
  }

  async turn(): Promise<void> {
    const { value } = await this.#pages.next();
    this.#page = value ?? [];
    this.#next = 0;
  }
}

function compareRow(
  table: TableName,
  columns: readonly string[],
  stored: Row,
  expected: Row,
  findings: Findings,
): void {
  for (const column of columns) {
    const [is, should] = [stored[column], expected[column]];
    if (is === should || isDeepStrictEqual(is, should)) continue;
    findings.add({
      table,
      row: keyText(table, stored),
      column,
      what: `is ${valueText(is)} and by the log ${valueText(should)}`,
    });
  }
}

/** As the databases order: numbers by value, text (ASCII in every key) by its bytes. */
function compareKeys(table: TableName, left: Row, right: Row): number {
  for (const column of primaryKeys[table] as readonly string[]) {
    const a = left[column] as string | number;
    const b = right[column] as string | number;
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

function keyText(table: TableName, row: Row): string {
  return (primaryKeys[table] as readonly string[]).map((column) => `${column}=${row[column]}`).join(' ');
}

function valueText(value: unknown): string {
  if (value instanceof Uint8Array)
    return `${value.length} bytes ${Buffer.from(value).toString('hex').slice(0, 32)}…`;
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
