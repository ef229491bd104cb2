import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompiledQuery, Kysely } from 'kysely';
import { openScratchSqlite } from './sqlite/open-sqlite.ts';
import { statement } from './statement.ts';
import type { Tables } from './tables.ts';

/** What a connection is given to run. */
function listening(db: Kysely<Tables>): { heard: CompiledQuery[]; db: Kysely<Tables> } {
  const heard: CompiledQuery[] = [];
  const ears = {
    getExecutor: () => db.getExecutor(),
    withPlugin: (plugin: Parameters<typeof db.withPlugin>[0]) => db.withPlugin(plugin),
    executeQuery: (query: CompiledQuery) => {
      heard.push(query);
      return db.executeQuery(query);
    },
  };
  return { heard, db: ears as unknown as Kysely<Tables> };
}

test('what is the same at each run stands in the text of a query, also with a quote in it, and what differs is a parameter', async () => {
  const storage = await openScratchSqlite('dev');
  const select = statement<{ order_id: string; issued: 0 | 1 }>((db, arg) =>
    db
      .selectFrom('device')
      .select('device_id')
      .where('order_id', '=', arg('order_id'))
      .where('hardware_uid', '=', "o'clock")
      .where('state', 'in', ['allocated', 'stocked'])
      .where('issued', '=', arg('issued')),
  );
  const { heard, db } = listening(storage.writer);
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
  await storage.close();
});
