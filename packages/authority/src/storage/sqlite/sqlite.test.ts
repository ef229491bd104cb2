import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sql } from 'kysely';
import { ledgerSuite } from '../../ledger/ledger.suite.ts';
import { createSqlite, openSqlite } from './open-sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-sqlite-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const freshFile = () => join(folder, String(files++), 'authority.db');

ledgerSuite('SQLite', async () => {
  const file = freshFile();
  const storage = await createSqlite(file, 'dev');
  return { storage, openAgain: () => openSqlite(file, 'dev'), dispose: () => storage.close() };
});

test('every file of the database is closed to others, and so is its folder', async () => {
  const file = freshFile();
  const storage = await createSqlite(file, 'dev');
  const modes = readdirSync(join(file, '..')).map((name) => statSync(join(file, '..', name)).mode & 0o777);
  assert.deepEqual(new Set(modes), new Set([0o600]));
  assert.equal(modes.length, 3);
  assert.equal(statSync(join(file, '..')).mode & 0o777, 0o700);
  await storage.close();
});

test('refuses a database that others on the machine may open', async () => {
  const file = freshFile();
  await (await createSqlite(file, 'dev')).close();
  chmodSync(file, 0o640);
  await assert.rejects(openSqlite(file, 'dev'), { code: 'path_refused' });
});

test('refuses to make a database where one is, and to open none', async () => {
  const file = freshFile();
  await assert.rejects(openSqlite(file, 'dev'), { code: 'home_missing' });
  await (await createSqlite(file, 'dev')).close();
  await assert.rejects(createSqlite(file, 'dev'), { code: 'home_exists' });
});

test('a folder that is missing above the database’s own is told as what it is, and as no home that exists', async () => {
  const file = join(folder, 'nobody-made-this', 'data', 'imprint.db');
  await assert.rejects(createSqlite(file, 'dev'), { code: 'ENOENT' });
});

test('refuses a database of another realm, of another version, and a file that is none', async () => {
  const file = freshFile();
  const storage = await createSqlite(file, 'dev');
  await assert.rejects(openSqlite(file, 'prod'), { code: 'realm_mismatch' });
  await sql`update imprint_schema set schema_version = 99`.execute(storage.writer);
  await storage.close();
  await assert.rejects(openSqlite(file, 'dev'), { code: 'storage_failed', message: /version 99/ });
  writeFileSync(file, 'this is no database');
  await assert.rejects(openSqlite(file, 'dev'), { code: 'storage_failed' });
});

test('commits are synced, constraints are enforced and readers cannot write', async () => {
  const storage = await createSqlite(freshFile(), 'dev');
  const pragma = async (name: string) =>
    Object.values(
      (await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(storage.writer)).rows[0]!,
    )[0];
  assert.equal(await pragma('journal_mode'), 'wal');
  assert.equal(await pragma('synchronous'), 2);
  assert.equal(await pragma('foreign_keys'), 1);
  await assert.rejects(
    storage.reader.insertInto('operator').values({ operator_id: 'op', registered_at: '' }).execute(),
    (error: Error) => /readonly/.test((error.cause as Error).message),
  );
  await assert.rejects(
    storage.writer.insertInto('public_key').values({ public_key_sha256: 'a', device_id: 'none' }).execute(),
    /FOREIGN KEY/,
  );
  await storage.close();
});

test('a transaction that the database has undone by itself fails with what made it do so', async () => {
  const storage = await createSqlite(freshFile(), 'dev');
  const broken = storage.writer.transaction().execute(async (tx) => {
    // as SQLite does where the disk is full
    await sql`rollback`.execute(tx);
    throw new Error('database or disk is full');
  });
  await assert.rejects(broken, /database or disk is full/);
  await storage.close();
});
