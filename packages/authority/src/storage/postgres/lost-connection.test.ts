import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append } from '../../ledger/history.test-kit.ts';
import { testLedger } from '../../ledger/ledger.suite.ts';
import type { Storage } from '../storage.ts';
import { CommitProxy } from './commit-proxy.test-kit.ts';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { operator, operatorsOf, serverSuite } from './server.suite.ts';
import { TestServer } from './server.test-kit.ts';

const server = await TestServer.start();
const nameOf = (url: string) => url.split('/').at(-1)!;

serverSuite('PostgreSQL', {
  make: async ({ isStopped = false, patienceMs } = {}) => {
    const own = isStopped ? await TestServer.start() : server;
    const url = await own.database();
    await (await createPostgres(url, 'dev')).close();
    const proxy = await CommitProxy.start(own.socket);
    const opened: Storage[] = [];
    const open = async (from: string) => {
      const storage = await openPostgres(from, 'dev', patienceMs);
      opened.push(storage);
      return storage;
    };
    const ofDatabase = `datname = '${nameOf(url)}'`;
    return {
      storage: await open(proxy.url(nameOf(url))),
      openAgain: () => open(url),
      cutNextCommit: (cut) => {
        proxy.next = cut;
      },
      arrive: () => proxy.arrive(),
      isAwaited: async () => {
        const waiting = await own.query(`select 1 from pg_locks
          join pg_database on pg_database.oid = pg_locks.database
          where locktype = 'advisory' and not granted and ${ofDatabase}`);
        return waiting.length > 0;
      },
      endSessions: async (which, most = 100) => {
        const ended = await own.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where ${ofDatabase} and application_name = '${which}' order by random() limit ${most}`);
        return ended.length;
      },
      nowMs: Date.now,
      stop: (how) => own.stop(how),
      start: () => own.start(),
      close: async () => {
        for (const storage of opened) await storage.close();
        proxy.close();
      },
    };
  },
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
