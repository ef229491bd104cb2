/**
 * One row of each projected table that the history fills, rewritten column by column: verification must name table,
 * row and column (I-15, I-16). Not tried here: keys, columns ending in `_id`, columns that are null, and added rows.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sql } from 'kysely';
import { append, opening, quarantined, wholeWay } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { columnsOf, primaryKeys, projectedTables } from '../storage/schema.ts';
import { createSqlite } from '../storage/sqlite/open-sqlite.ts';
import { verifyLog } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-every-row-'));
after(() => rmSync(folder, { recursive: true }));

test('I-16: a changed column that is no key is found in each projected table that holds a row, with the row named', async () => {
  const storage = await createSqlite(join(folder, 'authority.db'), 'dev');
  const { ledger } = testLedger(storage);
  await append(ledger, ...opening(['SN-00000001', 'SN-00000002']));
  for (const entries of wholeWay('SN-00000001')) await append(ledger, ...entries);
  await append(ledger, ...wholeWay('SN-00000002')[0]!, ...quarantined('SN-00000002'));
  let tried = 0;
  for (const table of projectedTables) {
    const key = primaryKeys[table] as readonly string[];
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)} limit 1`.execute(
      storage.reader,
    );
    const row = rows[0];
    if (row === undefined) continue;
    const where = sql.join(
      key.map((column) => sql`${sql.ref(column)} = ${row[column]}`),
      sql` and `,
    );
    const name = key.map((column) => `${column}=${row[column]}`).join(' ');
    for (const column of columnsOf(table).filter((one) => !key.includes(one))) {
      const was = row[column];
      // a column that refers to another table's key cannot be changed while references are kept
      if (was === null || column.endsWith('_id')) continue;
      const other =
        typeof was === 'number' ? was + 1 : typeof was === 'string' ? `${was}~` : Buffer.from('another');
      const write = (value: unknown) =>
        sql`update ${sql.table(table)} set ${sql.ref(column)} = ${value} where ${where}`.execute(
          storage.writer,
        );
      await write(other);
      const { findings } = await verifyLog(storage.reader, { realm: 'dev' });
      const found = findings.some((one) => one.table === table && one.row === name && one.column === column);
      assert.ok(found, `${table} ${name} ${column} was changed and not named`);
      await write(was);
      tried++;
    }
  }
  assert.ok(tried > 60, `${tried} columns were tried`);
  assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
  await storage.close();
});
