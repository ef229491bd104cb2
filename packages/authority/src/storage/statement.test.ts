import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { type CompiledQuery, Kysely, SqliteDialect } from 'kysely';
import { openScratchSqlite } from './sqlite/open-sqlite.ts';
import { statement } from './statement.ts';
import type { Tables } from './tables.ts';

/** A database of an engine that is asked over a connection, and what the connection is given to run. */
function listening(): { heard: CompiledQuery[]; db: Kysely<Tables> } {
  const heard: CompiledQuery[] = [];
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: new Database('') }) });
  db.executeQuery = async (query) => {
    heard.push(query as CompiledQuery);
    return { rows: [] };
  };
  return { heard, db };
}

test('what is the same at each run stands in the text of a query, also with a quote in it, and what differs is a parameter', async () => {
  const select = statement<{ order_id: string; issued: 0 | 1 }>((db, arg) =>
    db
      .selectFrom('device')
      .select('device_id')
      .where('order_id', '=', arg('order_id'))
      .where('hardware_uid', '=', "o'clock")
      .where('state', 'in', ['allocated', 'stocked'])
      .where('issued', '=', arg('issued')),
  );
  const { heard, db } = listening();
  await select(db, { order_id: 'PO-1', issued: 1 });
  await select(db, { order_id: 'PO-2', issued: 0 });
  assert.match(heard[0]!.sql, /"order_id" = \? .*'o''clock' .*\('allocated', 'stocked'\) .*"issued" = \?/);
  assert.deepEqual(
    heard.map(({ parameters }) => parameters),
    [
      ['PO-1', 1],
      ['PO-2', 0],
    ],
  );
  assert.equal(heard[1]!.sql, heard[0]!.sql);
});

test('an engine of this process runs it inside the transaction that its connection is in', async () => {
  const storage = await openScratchSqlite('dev');
  const insert = statement<{ operator_id: string }>((db, arg) =>
    db.insertInto('operator').values({ operator_id: arg('operator_id'), registered_at: 'now' }),
  );
  const select = statement<object, { operator_id: string }>((db) =>
    db.selectFrom('operator').select('operator_id'),
  );
  const rename = statement<{ from: string; to: string }>((db, arg) =>
    db
      .updateTable('operator')
      .set({ operator_id: arg('to') })
      .where('operator_id', '=', arg('from')),
  );
  const undone = storage.writer.transaction().execute(async (tx) => {
    await insert(tx, { operator_id: 'op-1' });
    assert.deepEqual((await select(tx, {})).rows, [{ operator_id: 'op-1' }]);
    assert.equal((await rename(tx, { from: 'op-1', to: 'op-2' })).numAffectedRows, 1n);
    assert.equal((await rename(tx, { from: 'op-1', to: 'op-2' })).numAffectedRows, 0n);
    await assert.rejects(insert(tx, { operator_id: 'op-2' }), /UNIQUE/);
    throw new Error('undo');
  });
  await assert.rejects(undone, /undo/);
  assert.deepEqual((await select(storage.reader, {})).rows, []);
  await storage.close();
});
