import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createPostgres } from './open-postgres.ts';
import { readPassword } from './postgres-password.ts';
import { parsePostgresUrl } from './postgres-url.ts';
import { TestServer } from './server.test-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-password-'));
after(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);
const PGPASSFILE = join(folder, 'pgpass');
const read = (url: string, environment: NodeJS.ProcessEnv = { PGPASSFILE }) =>
  readPassword(parsePostgresUrl(url), 'ada', environment);

test('the first line whose fields fit gives the password, with its escapes undone', () => {
  writeFileSync(
    PGPASSFILE,
    [
      '# db:5432:line:ada:commented',
      'db:5433:line:ada:other',
      'db:5432:*:ada:a\\:b\\\\c',
      'localhost:*:*:*:socket',
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  assert.equal(read('postgres://db/line'), 'a:b\\c');
  assert.equal(read('postgres://db:5433/line'), 'other');
  assert.equal(read('postgres://%2Frun%2Fpostgresql/line'), 'socket');
  assert.equal(read('postgres://db/line', { PGPASSFILE, PGPASSWORD: 'first' }), 'first');
  assert.throws(() => read('postgres://elsewhere/line'), { code: 'storage_failed' });
  assert.throws(() => read('postgres://db/line', { PGPASSFILE: join(folder, 'none') }), {
    code: 'storage_failed',
  });
});

test('I-19: a file of passwords that others may open is refused', () => {
  writeFileSync(PGPASSFILE, 'db:5432:line:ada:secret\n');
  chmodSync(PGPASSFILE, 0o640);
  assert.throws(
    () => read('postgres://db/line'),
    (error: Error & { code: string }) => error.code === 'path_refused' && !error.message.includes('secret'),
  );
});

test('a server that asks for a password gets it, and a wrong or missing one is told without it', async (t) => {
  const rules = join(folder, 'hba.conf');
  writeFileSync(rules, 'local all ada scram-sha-256\nlocal all all trust\n', { mode: 0o644 });
  const server = await TestServer.start(`hba_file=${rules}`);
  await server.query(`create role ada login superuser password 'right'`);
  const url = (await server.database()).replace('imprint@', 'ada@');
  const { PGPASSWORD, PGPASSFILE: before } = process.env;
  t.after(() => {
    for (const [name, value] of Object.entries({ PGPASSWORD, PGPASSFILE: before })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  process.env.PGPASSFILE = join(folder, 'none');
  await assert.rejects(createPostgres(url, 'dev'), {
    code: 'storage_failed',
    message: /asks for a password of ada/,
  });
  process.env.PGPASSWORD = 'wrong';
  await assert.rejects(createPostgres(url, 'dev'), {
    code: 'storage_failed',
    message: /no connection .*: password authentication failed for user "ada"/,
  });
  process.env.PGPASSWORD = 'right';
  await (await createPostgres(url, 'dev')).close();
});
