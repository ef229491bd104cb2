import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, test } from 'node:test';
import { sql } from 'kysely';
import { append, draft } from '../../ledger/history.test-kit.ts';
import { killedSuite } from '../../ledger/killed.suite.ts';
import { ledgerSuite, testLedger } from '../../ledger/ledger.suite.ts';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { TestServer } from './server.test-kit.ts';

const server = await TestServer.start();

ledgerSuite('PostgreSQL', async () => {
  const url = await server.database();
  const storage = await createPostgres(url, 'dev');
  return { storage, openAgain: () => openPostgres(url, 'dev'), dispose: () => storage.close() };
});

killedSuite('PostgreSQL', {
  make: async () => {
    const url = await server.database();
    await (await createPostgres(url, 'dev')).close();
    return url;
  },
  open: (url) => openPostgres(url, 'dev'),
});

test('refuses to make an authority where one is, and to open none', async () => {
  const url = await server.database();
  await assert.rejects(openPostgres(url, 'dev'), { code: 'home_missing' });
  await (await createPostgres(url, 'dev')).close();
  await assert.rejects(createPostgres(url, 'dev'), { code: 'home_exists' });
  await assert.rejects(createPostgres(url, 'prod'), { code: 'home_exists', context: { realm: 'dev' } });
});

test('of two that are made in one database at once, one is made and the other refused', async () => {
  const url = await server.database();
  const made = await Promise.allSettled([createPostgres(url, 'dev'), createPostgres(url, 'dev')]);
  const [first, second] = made.sort((a, b) => a.status.localeCompare(b.status));
  assert.equal((second as PromiseRejectedResult).reason.code, 'home_exists');
  await (first as PromiseFulfilledResult<Awaited<ReturnType<typeof createPostgres>>>).value.close();
});

test('an authority whose making fails leaves nothing in the database', async () => {
  const url = await server.database();
  const broken = createPostgres(url, 'dev', async () => {
    throw new Error('no more');
  });
  await assert.rejects(broken, /no more/);
  await (await createPostgres(url, 'dev')).close();
});

test('refuses a database of another realm and of another version', async () => {
  const url = await server.database();
  const storage = await createPostgres(url, 'dev');
  await assert.rejects(openPostgres(url, 'prod'), { code: 'realm_mismatch' });
  await sql`update imprint_schema set schema_version = 99`.execute(storage.writer);
  await storage.close();
  await assert.rejects(openPostgres(url, 'dev'), { code: 'storage_failed', message: /version 99/ });
});

test('a server that is away, an account or a database that is not there is told at once', async () => {
  await assert.rejects(openPostgres('postgres://imprint@127.0.0.1:1/imprint', 'dev'), {
    code: 'storage_failed',
    message: /database imprint at 127\.0\.0\.1:1: .*ECONNREFUSED/,
  });
  await assert.rejects(openPostgres(server.url('nowhere'), 'dev'), {
    code: 'storage_failed',
    message: /"nowhere" does not exist/,
  });
  await assert.rejects(openPostgres(server.url('postgres').replace('imprint@', 'nobody@'), 'dev'), {
    code: 'storage_failed',
    message: /"nobody" does not exist/,
  });
});

test('refuses a database that cannot be written to, and one that would change our text', async () => {
  const readOnly = await server.database();
  await server.query(`alter database ${readOnly.split('/').at(-1)} set default_transaction_read_only = on`);
  await assert.rejects(createPostgres(readOnly, 'dev'), { code: 'storage_failed', message: /only be read/ });
  const latin = await server.database(`encoding 'LATIN1' locale_provider libc locale 'C' template template0`);
  await assert.rejects(createPostgres(latin, 'dev'), { code: 'storage_failed', message: /LATIN1/ });
});

/** The real server, but for the number that it gives as its version. */
async function ofVersion(number: string): Promise<string> {
  const [real] = await server.query<{ server_version_num: string }>('show server_version_num');
  const proxy = createServer((client) => {
    const behind = connect(server.socket);
    client.pipe(behind).on('data', (answer) => {
      const told = answer.toString('latin1').replaceAll(real!.server_version_num, number);
      client.write(Buffer.from(told, 'latin1'));
    });
    for (const socket of [client, behind]) socket.on('error', () => undefined);
  });
  after(() => proxy.close());
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return `postgres://imprint@127.0.0.1:${(proxy.address() as AddressInfo).port}/postgres`;
}

test('refuses a server that is too old, and takes the oldest that will do', async () => {
  await assert.rejects(openPostgres(await ofVersion('120022'), 'dev'), {
    code: 'storage_failed',
    message: /is of PostgreSQL 12/,
    hint: /PostgreSQL 13 or newer/,
  });
  await assert.rejects(openPostgres(await ofVersion('130000'), 'dev'), { code: 'home_missing' });
});

test('I-1: refuses a server that could forget a commit', async () => {
  for (const setting of ['fsync', 'full_page_writes']) {
    const careless = await TestServer.start(`${setting}=off`);
    await assert.rejects(createPostgres(await careless.database(), 'dev'), {
      code: 'storage_failed',
      message: new RegExp(`${setting} = off`),
    });
  }
});

test('commits are synced whatever the database’s own setting, constraints are enforced and readers cannot write', async () => {
  const url = await server.database();
  await server.query(`alter database ${url.split('/').at(-1)} set synchronous_commit = off`);
  const storage = await createPostgres(url, 'dev');
  const { rows } = await sql<{ synchronous_commit: string }>`show synchronous_commit`.execute(storage.writer);
  assert.equal(rows[0]!.synchronous_commit, 'on');
  const reading = storage.reader.insertInto('operator').values({ operator_id: 'op', registered_at: '' });
  await assert.rejects(reading.execute(), { code: 'storage_failed' });
  const breaking = storage.writer
    .insertInto('public_key')
    .values({ public_key_sha256: 'a', device_id: 'none' })
    .execute();
  await assert.rejects(breaking, (error) => storage.fault(error) === 'refused');
  await storage.close();
});

test('text is ordered by its bytes, whatever the database’s locale', async () => {
  const storage = await createPostgres(await server.database(), 'dev');
  const ids = ['a', 'B', 'a-b', 'Z', 'aa', '_', '0'];
  for (const id of ids) {
    await storage.writer.insertInto('operator').values({ operator_id: id, registered_at: '' }).execute();
  }
  const rows = await storage.reader
    .selectFrom('operator')
    .select('operator_id')
    .where('operator_id', '>', 'Y')
    .orderBy('operator_id')
    .execute();
  assert.deepEqual(
    rows.map(({ operator_id }) => operator_id),
    ['Z', '_', 'a', 'a-b', 'aa'],
  );
  await storage.close();
});

test('I-16: a byte that was changed on the disk is damage, and a server that is away is none', async () => {
  const own = await TestServer.start();
  const url = await own.database();
  const storage = await createPostgres(url, 'dev');
  await append(testLedger(storage).ledger, draft('operator.registered', { operator_id: 'op-1' }));
  assert.equal(await storage.damage(), null);
  await storage.close();
  const [row] = await own.query<{ path: string }>(
    `select pg_relation_filepath('imprint.log_entry') as path`,
    url.split('/').at(-1),
  );
  await own.stop();
  const page = readFileSync(own.dataFile(row!.path));
  page[page.length - 1]! ^= 1;
  writeFileSync(own.dataFile(row!.path), page);
  await own.start();
  const reopened = await openPostgres(url, 'dev', 0);
  assert.match((await reopened.damage())!, /invalid page in block 0/);
  await own.stop();
  await assert.rejects(reopened.damage(), { code: 'storage_failed' });
  await reopened.close();
});
