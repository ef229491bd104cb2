/**
 * Holds two databases' projected tables against each other, table by table and row by row in the order of their keys,
 * and names what differs (I-15). Memory stays flat: both sides are read a page at a time.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import { type Row, rowsInKeyOrder } from '../storage/rows-in-key-order.ts';
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
  const stored = rowsInKeyOrder(live, table);
  const expected = rowsInKeyOrder(rebuilt, table);
  let left = await stored.next();
  let right = await expected.next();
  while (!left.done || !right.done) {
    const order = left.done ? 1 : right.done ? -1 : compareKeys(table, left.value, right.value);
    if (order === 0) {
      compareRow(table, left.value as Row, right.value as Row, findings);
      left = await stored.next();
      right = await expected.next();
    } else if (order < 0) {
      findings.add({
        table,
        row: keyText(table, left.value as Row),
        what: 'is in the table and not in the log',
      });
      left = await stored.next();
    } else {
      findings.add({
        table,
        row: keyText(table, right.value as Row),
        what: 'is in the log and missing from the table',
      });
      right = await expected.next();
    }
  }
}

function compareRow(table: TableName, stored: Row, expected: Row, findings: Findings): void {
  for (const column of columnsOf(table)) {
    if (isDeepStrictEqual(stored[column], expected[column])) continue;
    findings.add({
      table,
      row: keyText(table, stored),
      column,
      what: `is ${valueText(stored[column])} and by the log ${valueText(expected[column])}`,
    });
  }
}

/** As the databases order: numbers by value, text (ASCII in every key) by its bytes. */
function compareKeys(table: TableName, left: Row | undefined, right: Row | undefined): number {
  for (const column of primaryKeys[table] as readonly string[]) {
    const a = left![column] as string | number;
    const b = right![column] as string | number;
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
