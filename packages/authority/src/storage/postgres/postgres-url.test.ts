import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePostgresUrl } from './postgres-url.ts';

test('a URL names host, port, database and user, and a socket by its folder', () => {
  const { host, port, database, user, tls } = parsePostgresUrl('postgres://ada@127.0.0.1:5433/line');
  assert.deepEqual(
    { host, port, database, user, tls },
    { host: '127.0.0.1', port: 5433, database: 'line', user: 'ada', tls: false },
  );
  const socket = parsePostgresUrl('postgresql://%2Frun%2Fpostgresql/line');
  assert.deepEqual([socket.host, socket.user, socket.tls], ['/run/postgresql', undefined, false]);
  assert.equal(parsePostgresUrl('postgres://[::1]/line').host, '::1');
});

test('I-19: a URL with a password is refused, and never repeated', () => {
  for (const url of [
    'postgres://ada:hunter2@db/line',
    'postgres://ada:hunter2@db:x/line',
    'mysql://ada:hunter2@db/line',
  ]) {
    assert.throws(
      () => parsePostgresUrl(url),
      (error: Error & { code: string }) => error.code === 'usage' && !error.message.includes('hunter2'),
    );
  }
});

test('a server elsewhere is verified, and nothing less is taken', () => {
  assert.deepEqual(parsePostgresUrl('postgres://db.example.com/line').tls, {
    rejectUnauthorized: true,
  });
  for (const mode of ['disable', 'require', 'prefer', 'verify-ca']) {
    assert.throws(() => parsePostgresUrl(`postgres://db.example.com/line?sslmode=${mode}`), {
      code: 'usage',
    });
  }
  assert.throws(() => parsePostgresUrl('postgres://db.example.com/line?sslrootcert=/none.pem'), {
    code: 'file_invalid',
  });
});

test('a URL without host or database, or with a parameter that is not known, is refused', () => {
  for (const url of [
    'postgres:///line',
    'postgres://db',
    'postgres://db/a/b',
    'postgres://127.0.0.1/line?options=-c',
    'line',
  ]) {
    assert.throws(() => parsePostgresUrl(url), { code: 'usage' });
  }
});
