import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Database from 'better-sqlite3';
import { type DatabaseConnection, Kysely, SqliteDialect, SqliteDriver, sql } from 'kysely';
import { verifyLog } from '../audit/verify.ts';
import { createSqlite, openSqlite, sqliteFault } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import type { Tables } from '../storage/tables.ts';
import { append, draft } from './history.test-kit.ts';
import { killedSuite } from './killed.suite.ts';
import { testLedger } from './ledger.suite.ts';
import { HeadMoved, TreeTail } from './tree-tail.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-ledger-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const freshFile = () => join(folder, String(files++), 'authority.db');
const operator = (id: string) => draft('operator.registered', { operator_id: id });

/**
 * How a commit fails: nothing of it lasts, or all of it does and only the answer is an error, or another process was
 * first (as PostgreSQL says it at a commit).
 */
type Failing = 'lost' | 'kept' | 'raced';

/** The storage with a writer whose commits fail as `failing.now` says. */
async function failingStorage(file: string, failing: { now: Failing | undefined }): Promise<Storage> {
  const storage = await createSqlite(file, 'dev');
  const database = new Database(file);
  database.pragma('synchronous = FULL');
  class Driver extends SqliteDriver {
    override async commitTransaction(connection: DatabaseConnection): Promise<void> {
      if (failing.now === 'raced') {
        failing.now = undefined;
        throw new Database.SqliteError('another was first', 'SQLITE_BUSY_SNAPSHOT');
      }
      if (failing.now !== 'lost') await super.commitTransaction(connection);
      if (failing.now !== undefined) throw new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC');
    }
  }
  class Dialect extends SqliteDialect {
    override createDriver() {
      return new Driver({ database });
    }
  }
  const writer = new Kysely<Tables>({ dialect: new Dialect({ database }) });
  return {
    writer,
    reader: storage.reader,
    openReader: () => storage.openReader(),
    damage: async () => null,
    fault: sqliteFault,
    async close() {
      database.close();
      await storage.close();
    },
  };
}

for (const mode of ['lost', 'kept'] as const) {
  test(`I-1: after a commit that failed and was ${mode}, nothing is acknowledged or written until a restart`, async () => {
    const file = freshFile();
    const failing: { now: Failing | undefined } = { now: undefined };
    const storage = await failingStorage(file, failing);
    const { ledger } = testLedger(storage);
    await append(ledger, operator('before'));
    failing.now = mode;
    const results = await Promise.allSettled([append(ledger, operator('a')), append(ledger, operator('b'))]);
    assert.ok(
      results.every((result) => result.status === 'rejected' && result.reason.code === 'storage_failed'),
    );
    assert.equal(ledger.writable, false);
    failing.now = undefined;
    await assert.rejects(append(ledger, operator('c')), { code: 'storage_failed' });
    // reading goes on
    assert.equal((await ledger.head()).size, mode === 'lost' ? 1 : 3);
    await storage.close();

    const reopened = await openSqlite(file, 'dev');
    const restarted = testLedger(reopened);
    await append(restarted.ledger, operator('after'));
    assert.equal((await restarted.ledger.head()).size, mode === 'lost' ? 2 : 4);
    assert.deepEqual((await verifyLog(reopened.reader, { realm: 'dev' })).findings, []);
    await reopened.close();
  });
}

test('a tick that another process overtook is done again, and each decision answers once', async () => {
  const failing: { now: Failing | undefined } = { now: 'raced' };
  const storage = await failingStorage(freshFile(), failing);
  const { ledger } = testLedger(storage);
  let decided = 0;
  let replied = 0;
  const index = await ledger.submit(async () => {
    decided++;
    return {
      entries: [operator('a')],
      reply: (firstIndex) => {
        replied++;
        return firstIndex;
      },
    };
  });
  assert.deepEqual([index, decided, replied, ledger.writable], [0, 2, 1, true]);
  assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
  await storage.close();
});

test('a full disk refuses the tick whole, and writing goes on when there is room', async () => {
  const storage = await createSqlite(freshFile(), 'dev');
  const { ledger } = testLedger(storage);
  await append(ledger, operator('before'));
  const pages = await sql<{ page_count: number }>`pragma page_count`.execute(storage.writer);
  await sql`pragma max_page_count = ${sql.lit(pages.rows[0]!.page_count)}`.execute(storage.writer);
  const bulk = draft('contract.registered', {
    contract_sha256: 'a'.repeat(64),
    product: 'gateway',
    revision: 'r1',
    text: 'x'.repeat(40_000),
  });
  const results = await Promise.allSettled([append(ledger, operator('a')), append(ledger, bulk)]);
  assert.ok(
    results.every((result) => result.status === 'rejected' && result.reason.code === 'storage_failed'),
  );
  assert.equal((await ledger.head()).size, 1);
  await sql`pragma max_page_count = 1000000`.execute(storage.writer);
  await append(ledger, operator('a'), bulk);
  assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
  await storage.close();
});

test('the head moves by compare-and-swap only', async () => {
  const storage = await createSqlite(freshFile(), 'dev');
  const { ledger } = testLedger(storage);
  await append(ledger, operator('a'));
  const head = await storage.reader.selectFrom('log_head').selectAll().executeTakeFirstOrThrow();
  const late = await TreeTail.at(storage.reader, head, undefined);
  late.append({ packed: new Uint8Array(1), leaf_hash: new Uint8Array(32) });
  await append(ledger, operator('b'));
  const writing = storage.writer.transaction().execute(async (tx) => {
    // its entry would collide as well: here only the row of the head is looked at
    await tx.deleteFrom('log_entry').where('log_index', '=', 1).execute();
    await late.write(tx, head, head.last_at);
  });
  await assert.rejects(writing, HeadMoved);
  assert.equal((await ledger.head()).size, 2);
  await storage.close();
});

killedSuite('SQLite', {
  make: async () => {
    const file = freshFile();
    await (await createSqlite(file, 'dev')).close();
    return file;
  },
  open: (file) => openSqlite(file, 'dev'),
});
