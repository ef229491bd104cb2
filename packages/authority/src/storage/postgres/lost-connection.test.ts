import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEntry } from '@imprint/contract/audit/entry';
import { verifyLog } from '../../audit/verify.ts';
import { append, draft } from '../../ledger/history.test-kit.ts';
import { testLedger } from '../../ledger/ledger.suite.ts';
import type { TickLedger } from '../../ledger/tick-ledger.ts';
import type { Storage } from '../storage.ts';
import { CommitProxy } from './commit-proxy.test-kit.ts';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { TestServer } from './server.test-kit.ts';

const server = await TestServer.start();
const operator = (id: string) => draft('operator.registered', { operator_id: id });
const nameOf = (url: string) => url.split('/').at(-1)!;

/** The operators of the log in its order; the log is whole, and the tables are its projection. */
async function operatorsOf(storage: Storage): Promise<string[]> {
  assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
  const rows = await storage.reader.selectFrom('log_entry').selectAll().orderBy('log_index').execute();
  return rows.map(({ bytes }) => (decodeEntry(bytes).data as { operator_id: string }).operator_id);
}

/** Appends one entry each as a decision of its own, and counts how often each was decided. */
function submitAll(ledger: TickLedger, names: string[]) {
  const decided = new Map<string, number>();
  const done = Promise.all(
    names.map((name) =>
      ledger.submit(async () => {
        decided.set(name, (decided.get(name) ?? 0) + 1);
        return { entries: [operator(name)], reply: (firstIndex) => firstIndex };
      }),
    ),
  );
  return { decided, done };
}

/** A ledger whose way to its database goes over a proxy. */
async function overProxy() {
  const url = await server.database();
  await (await createPostgres(url, 'dev')).close();
  const proxy = await CommitProxy.start(server.socket);
  const storage = await openPostgres(proxy.url(nameOf(url)), 'dev');
  const { ledger } = testLedger(storage);
  const close = async () => {
    await ledger.close();
    await storage.close();
    proxy.close();
  };
  return { url, proxy, storage, ledger, close };
}

test('I-29: a commit that never reached the server is done again, once', async () => {
  const { proxy, storage, ledger, close } = await overProxy();
  await append(ledger, operator('before'));
  proxy.next = 'before';
  const { decided, done } = submitAll(ledger, ['a', 'b']);
  assert.deepEqual(await done, [1, 2]);
  assert.deepEqual([...decided.values()], [2, 2]);
  assert.deepEqual(await operatorsOf(storage), ['before', 'a', 'b']);
  await close();
});

test('I-29: a commit whose answer was lost is not done twice', async () => {
  const { proxy, storage, ledger, close } = await overProxy();
  await append(ledger, operator('before'));
  proxy.next = 'after';
  const { decided, done } = submitAll(ledger, ['a', 'b']);
  assert.deepEqual(await done, [1, 2]);
  assert.deepEqual([...decided.values()], [1, 1]);
  await append(ledger, operator('next'));
  assert.deepEqual(await operatorsOf(storage), ['before', 'a', 'b', 'next']);
  await close();
});

test('I-29: a commit that arrives after its connection was given up is not done twice', async () => {
  const { url, proxy, storage, ledger, close } = await overProxy();
  proxy.next = 'late';
  const { decided, done } = submitAll(ledger, ['a', 'b']);
  const waiting = `select 1 from pg_locks join pg_database on pg_database.oid = pg_locks.database
    where locktype = 'advisory' and not granted and datname = '${nameOf(url)}'`;
  while ((await server.query(waiting)).length === 0);
  proxy.arrive();
  assert.deepEqual(await done, [0, 1]);
  assert.deepEqual([...decided.values()], [1, 1]);
  assert.deepEqual(await operatorsOf(storage), ['a', 'b']);
  await close();
});

test('a tick without entries whose answer was lost is decided again', async () => {
  const { proxy, ledger, close } = await overProxy();
  proxy.next = 'after';
  let decided = 0;
  const decision = async () => {
    decided++;
    return { entries: [], reply: () => 'told' };
  };
  assert.equal(await ledger.submit(decision), 'told');
  assert.equal(decided, 2);
  await close();
});

for (const how of ['fast', 'immediate'] as const) {
  test(`I-1, I-29: a server that is stopped (${how}) and started under load loses and doubles nothing`, async () => {
    const own = await TestServer.start();
    const storage = await createPostgres(await own.database(), 'dev');
    const { ledger } = testLedger(storage, { decisionsPerTick: 2 });
    const names = Array.from({ length: 50 }, (_, at) => `op-${at}`);
    const { done } = submitAll(ledger, names);
    while ((await ledger.head()).size < 10);
    await own.stop(how);
    await own.start();
    assert.deepEqual(
      await done,
      names.map((_, at) => at),
    );
    assert.deepEqual(await operatorsOf(storage), names);
    await ledger.close();
    await storage.close();
  });
}

test('I-29: sessions that are ended at any moment lose and double nothing, for two authorities on one database', async () => {
  const url = await server.database();
  const storages = [await createPostgres(url, 'dev'), await openPostgres(url, 'dev')];
  const ledgers = storages.map((storage) => testLedger(storage, { decisionsPerTick: 3 }).ledger);
  const names = ['x', 'y'].map((who) => Array.from({ length: 100 }, (_, at) => `${who}-${at}`));
  const all = Promise.all(ledgers.map((ledger, at) => submitAll(ledger, names[at]!).done));
  const size = async () => (await ledgers[0]!.head()).size;
  let lost = 0;
  // whenever the log has grown by some ticks, one of the two loses its session, whatever it is doing; a tick that is met at every
  // try, though, is given up in the end and told, as it should be
  for (let grown = await size(); grown < 190; ) {
    const ended = await server.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = '${nameOf(url)}' and application_name = 'imprint-writer' order by random() limit 1`);
    lost += ended.length;
    const enough = Math.min(grown + 12, 190);
    while (grown < enough) grown = await size();
  }
  assert.ok(lost > 5, `${lost} sessions were ended`);
  const indexes = (await all).flat();
  assert.deepEqual(
    [...indexes].sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, at) => at),
  );
  const found = await operatorsOf(storages[0]!);
  assert.deepEqual(
    indexes.map((index) => found[index]),
    names.flat(),
  );
  for (const ledger of ledgers) await ledger.close();
  for (const storage of storages) await storage.close();
});

test('a server that stays away is told after a bounded time, and writing goes on when it is back', async () => {
  const own = await TestServer.start();
  const url = await own.database();
  await (await createPostgres(url, 'dev')).close();
  const storage = await openPostgres(url, 'dev', 500);
  const { ledger } = testLedger(storage);
  await append(ledger, operator('before'));
  await own.stop();
  const isTold = { code: 'storage_failed', message: /no connection/ };
  await assert.rejects(append(ledger, operator('a')), isTold);
  await assert.rejects(ledger.head(), isTold);
  assert.equal(ledger.writable, true);
  await own.start();
  assert.equal(await append(ledger, operator('a')), 1);
  assert.deepEqual(await operatorsOf(storage), ['before', 'a']);
  await ledger.close();
  await storage.close();
});

test('a replica that hangs in its transaction is cut off by the server, and the others go on', async () => {
  const url = await server.database();
  const [hanging, other] = [await createPostgres(url, 'dev'), await openPostgres(url, 'dev')];
  const { ledger } = testLedger(other);
  const hung = await hanging.writer.startTransaction().execute();
  assert.equal(await append(ledger, operator('a')), 0);
  await assert.rejects(hung.commit().execute(), (error) => hanging.fault(error) === 'lost');
  await hung
    .rollback()
    .execute()
    .catch(() => undefined);
  assert.equal(await append(testLedger(hanging).ledger, operator('b')), 1);
  assert.deepEqual(await operatorsOf(other), ['a', 'b']);
  await hanging.close();
  await other.close();
});

test('a read goes on over sessions that were ended and a server that was restarted', async () => {
  const own = await TestServer.start();
  const storage = await createPostgres(await own.database(), 'dev');
  const count = async () => (await storage.reader.selectFrom('operator').selectAll().execute()).length;
  await Promise.all([count(), count(), count(), count()]);
  await own.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'imprint-reader'`,
  );
  assert.deepEqual(await Promise.all([count(), count(), count(), count()]), [0, 0, 0, 0]);
  await own.stop();
  const reading = count();
  await own.start();
  assert.equal(await reading, 0);
  await storage.close();
});

/** Puts an older copy of the database, with what `meanwhile` appends to it, in the place of the one that is in use. */
async function putBack(url: string, copyUrl: string, meanwhile: string[]): Promise<void> {
  const copy = await openPostgres(copyUrl, 'dev');
  const other = testLedger(copy);
  other.time.ms += 1000;
  for (const name of meanwhile) await append(other.ledger, operator(name));
  await copy.close();
  await server.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${nameOf(url)}'`,
  );
  await server.query(`alter database ${nameOf(url)} rename to ${nameOf(url)}_later`);
  await server.query(`alter database ${nameOf(copyUrl)} rename to ${nameOf(url)}`);
}

for (const [what, meanwhile] of [
  ['is shorter', []],
  ['is as long', ['other']],
  ['is longer', ['other', 'third', 'fourth']],
] as const) {
  test(`I-16: a database that lost commits and ${what} is not written on`, async () => {
    const url = await server.database();
    const first = await createPostgres(url, 'dev');
    await append(testLedger(first).ledger, operator('before'));
    await first.close();
    const copyUrl = await server.database(`template ${nameOf(url)}`);
    const storage = await openPostgres(url, 'dev');
    const { ledger } = testLedger(storage);
    await append(ledger, operator('acknowledged'));
    await putBack(url, copyUrl, [...meanwhile]);
    await assert.rejects(append(ledger, operator('after')), { code: 'log_inconsistent' });
    await assert.rejects(append(ledger, operator('after')), { code: 'log_inconsistent' });
    assert.equal(ledger.writable, false);
    assert.deepEqual(await operatorsOf(storage), ['before', ...meanwhile]);
    await storage.close();
  });
}
