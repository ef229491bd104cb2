/** A home whose database is PostgreSQL: made there or moved there, by whole commands and real processes over a real server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { registerOperator } from '@imprint/authority/registry/operators';
import { createPostgres } from '@imprint/authority/storage/postgres/open-postgres';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { openSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import { ImprintError } from '@imprint/contract/errors';
import { sql } from 'kysely';
import { authorityHome, readConfiguration, writeConfiguration } from './authority-home.ts';
import { makeOrder } from './demo/line-setup.ts';
import { migrateAuthority } from './migrate-authority.ts';
import { openAuthority, systemEntropy } from './open-authority.ts';

const server = await TestServer.start();
const place = mkdtempSync(join(tmpdir(), 'imprint-home-postgres-'));
after(() => rmSync(place, { recursive: true }));
let homes = 0;
const freshHome = () => join(place, String(homes++));

const mainFile = fileURLToPath(new URL('./main.ts', import.meta.url));
const imprint = (...args: string[]) =>
  spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8', timeout: 60_000 });

/** Runs a command that succeeds, and gives what it printed as JSON. */
function done(...args: string[]): Record<string, unknown> {
  const { status, stdout, stderr } = imprint(...args, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

let template: Promise<string> | undefined;
/** An embedded home with an order, its devices and an operator, whose badge the log does not hold. */
async function embeddedHome(): Promise<string> {
  template ??= makeEmbeddedHome(freshHome());
  const home = freshHome();
  cpSync(await template, home, { recursive: true });
  return home;
}

async function makeEmbeddedHome(home: string): Promise<string> {
  done('init', '--home', home);
  const authority = await openAuthority(home);
  await makeOrder(authority, 600);
  const { line } = await authority.unlock();
  const person = { name: 'Ada', badge: 'OP-1234567890abcdef' };
  await registerOperator(authority.ledger, systemEntropy, authority.person, person, line.badgeHash);
  await authority.close();
  return home;
}

test('an authority is made in a database, and every command finds it by its home alone', async () => {
  const home = freshHome();
  const url = await server.database();
  done('init', '--home', home, '--database', url);
  assert.equal(readConfiguration(authorityHome(home)).database, url);
  assert.equal(done('audit', 'verify', '--home', home).ok, true);
  assert.equal(done('audit', 'replay', '--home', home).ok, true);
});

test('an authority is not made in a database that has one, nor with a password in its URL', async () => {
  const url = await server.database();
  done('init', '--home', freshHome(), '--database', url);
  const taken = imprint('init', '--home', freshHome(), '--database', url);
  assert.deepEqual([taken.status, /home_exists/.test(taken.stderr)], [1, true]);
  const secret = imprint('init', '--home', freshHome(), '--database', 'postgres://ada:hunter2@db/imprint');
  assert.deepEqual([secret.status, /hunter2/.test(secret.stderr + secret.stdout)], [2, false]);
});

test('a home whose database belongs to another authority is refused', async () => {
  const [home, other] = [freshHome(), freshHome()];
  const url = await server.database();
  done('init', '--home', home, '--database', await server.database());
  done('init', '--home', other, '--database', url);
  const paths = authorityHome(home);
  writeConfiguration(paths, { ...readConfiguration(paths), database: url });
  await assert.rejects(openAuthority(home), { code: 'realm_mismatch' });
});

test('I-20: a home of one realm is not served from a database of another, and none is made over it', async () => {
  const url = await server.database();
  await (await createPostgres(url, 'prod')).close();
  const home = freshHome();
  done('init', '--home', home);
  const paths = authorityHome(home);
  for (const realm of ['dev', 'test'] as const) {
    writeConfiguration(paths, { ...readConfiguration(paths), realm, database: url });
    const { status, stderr } = imprint('serve', '--home', home, '--station-port', '0', '--public-port', '0');
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`realm_mismatch: .* belongs to the prod realm, not to ${realm}`));
  }
  const over = imprint('init', '--home', freshHome(), '--database', url);
  assert.equal(over.status, 1);
  assert.match(over.stderr, /home_exists: .* holds an authority of the prod realm/);
});

test('a database that is away is told when a command starts, with its place', () => {
  const home = freshHome();
  const { status, stderr } = imprint(
    'init',
    '--home',
    home,
    '--database',
    'postgres://imprint@127.0.0.1:1/x',
  );
  assert.equal(status, 1);
  assert.match(stderr, /storage_failed: no connection to database x at 127\.0\.0\.1:1/);
});

test('I-15, I-16: a home is moved with its log, its tables and what the log does not hold', async () => {
  const home = await embeddedHome();
  const before = done('audit', 'verify', '--home', home);
  const url = await server.database();
  const moved = done('migrate', '--home', home, '--to', url);
  assert.deepEqual([moved.size, moved.root], [before.size, before.root]);
  const after = done('audit', 'verify', '--home', home);
  assert.deepEqual([after.ok, after.size, after.root], [true, before.size, before.root]);
  const authority = await openAuthority(home);
  assert.equal((await authority.ledger.reader.selectFrom('device').selectAll().execute()).length, 600);
  assert.equal((await authority.ledger.reader.selectFrom('person').selectAll().execute())[0]!.name, 'Ada');
  await authority.close();
});

test('what was moved takes no more writes in its old place, and can still be read there', async () => {
  const home = await embeddedHome();
  await migrateAuthority(home, await server.database());
  const old = await openSqlite(authorityHome(home).database, 'dev');
  const write = old.writer.insertInto('operator').values({ operator_id: 'late', registered_at: '' });
  await assert.rejects(write.execute(), /moved to another/);
  await assert.rejects(old.writer.updateTable('log_head').set({ size: 0 }).execute(), /moved to another/);
  assert.ok((await old.reader.selectFrom('log_head').selectAll().executeTakeFirstOrThrow()).size > 0);
  await old.close();
});

test('a home that is in use is not moved', async () => {
  const home = await embeddedHome();
  const authority = await openAuthority(home);
  await assert.rejects(migrateAuthority(home, await server.database()), { code: 'unavailable' });
  await authority.close();
});

test('a move that is broken off anywhere leaves a home that works, and a second one finishes it', async () => {
  const home = await embeddedHome();
  const url = await server.database();
  for (const where of ['copying device', 'copying log_entry', 'copying person', 'verifying']) {
    const broken = migrateAuthority(home, url, (what) => {
      if (what.startsWith(where)) throw new Error('broken off');
    });
    await assert.rejects(broken, /broken off/);
    assert.equal((await openAndClose(home)).database, undefined);
  }
  const paths = authorityHome(home);
  const embedded = readConfiguration(paths);
  await migrateAuthority(home, url);
  // as if the power had gone between the copy and the switch
  writeConfiguration(paths, embedded);
  const { size } = await migrateAuthority(home, url);
  assert.equal(readConfiguration(paths).database, url);
  // and once more, as if it had gone before the old file was retired
  assert.equal((await migrateAuthority(home, url)).size, size);
});

test('a move is refused where the new database holds another authority, or an older state of this one', async () => {
  const home = await embeddedHome();
  const other = await server.database();
  await (await createPostgres(other, 'dev')).close();
  await assert.rejects(migrateAuthority(home, other), { code: 'realm_mismatch' });
  const url = await server.database();
  const copy = freshHome();
  cpSync(home, copy, { recursive: true });
  await migrateAuthority(copy, url);
  const authority = await openAuthority(home);
  await registerOperator(
    authority.ledger,
    systemEntropy,
    authority.person,
    { name: 'Late', badge: 'OP-late-1234567890' },
    (await authority.unlock()).line.badgeHash,
  );
  await authority.close();
  await assert.rejects(migrateAuthority(home, url), { code: 'home_exists' });
  assert.equal((await openAndClose(home)).database, undefined);
});

async function openAndClose(home: string) {
  const authority = await openAuthority(home);
  await authority.close();
  return authority.configuration;
}

test('a home whose tables are of another version is not moved', async () => {
  const home = await embeddedHome();
  const old = await openSqlite(authorityHome(home).database, 'dev');
  await sql`update imprint_schema set schema_version = 99`.execute(old.writer);
  await old.close();
  const moving = migrateAuthority(home, await server.database());
  await assert.rejects(moving, { code: 'storage_failed', message: /version 99/ });
});

test('I-16: a damaged log is not moved', async () => {
  const home = await embeddedHome();
  const old = await openSqlite(authorityHome(home).database, 'dev');
  await old.writer.updateTable('device').set({ state: 'shipped' }).where('device_id', '>', '').execute();
  await old.close();
  await assert.rejects(
    migrateAuthority(home, await server.database()),
    (error) => error instanceof ImprintError && error.code === 'log_inconsistent',
  );
  assert.doesNotMatch(readFileSync(authorityHome(home).configurationFile, 'utf8'), /postgres/);
});
