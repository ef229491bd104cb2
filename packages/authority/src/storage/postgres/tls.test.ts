/** That a server is who it says: a real one with TLS, whose certificate OpenSSL made. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sql } from 'kysely';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { TestServer } from './server.test-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-tls-'));
after(() => rmSync(folder, { recursive: true }));

/** A certificate that is its own CA, for this name or address. */
function makeCertificate(name: string, subject: string) {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const made = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...[
        '-keyout',
        key,
        '-out',
        certificate,
        '-subj',
        `/CN=${name}`,
        '-addext',
        `subjectAltName=${subject}`,
      ],
    ],
    { encoding: 'utf8' },
  );
  assert.equal(made.status, 0, made.stderr);
  return { key, certificate };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A server on a loopback port that shows this certificate. */
async function startWith({ key, certificate }: ReturnType<typeof makeCertificate>) {
  const port = await freePort();
  const server = await TestServer.start('listen_addresses=127.0.0.1', `port=${port}`);
  const settings = {
    ssl_cert_file: server.file('server.pem', readFileSync(certificate)),
    ssl_key_file: server.file('server.key', readFileSync(key)),
    ssl: 'on',
  };
  for (const [name, value] of Object.entries(settings)) {
    await server.query(`alter system set ${name} = '${value}'`);
  }
  await server.stop();
  await server.start();
  await server.query('create database line');
  const url = (root: string, host = '127.0.0.1') =>
    `postgres://imprint@${host}:${port}/line?sslmode=verify-full&sslrootcert=${root}`;
  return { url };
}

test('a server whose certificate names its address and verifies is spoken to over TLS', async () => {
  const made = makeCertificate('by-address', 'IP:127.0.0.1');
  const { url } = await startWith(made);
  const storage = await createPostgres(url(made.certificate), 'dev');
  for (const db of [storage.writer, storage.reader]) {
    const { rows } = await sql<{
      ssl: boolean;
    }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(db);
    assert.equal(rows[0]!.ssl, true);
  }
  await storage.close();
});

test('a server whose certificate is of another CA, or for another name, is refused', async () => {
  const [made, other] = [
    makeCertificate('by-name', 'DNS:localhost'),
    makeCertificate('other', 'IP:127.0.0.1'),
  ];
  const { url } = await startWith(made);
  await assert.rejects(openPostgres(url(other.certificate), 'dev'), {
    code: 'storage_failed',
    message: /self-signed/,
  });
  await assert.rejects(openPostgres(url(made.certificate), 'dev'), {
    code: 'storage_failed',
    message: /not in the cert/,
  });
  await assert.rejects(openPostgres(url(made.certificate, 'localhost'), 'dev'), { code: 'home_missing' });
});

test('a server without TLS is refused where it must be verified', async () => {
  const port = await freePort();
  await TestServer.start('listen_addresses=127.0.0.1', `port=${port}`);
  await assert.rejects(
    openPostgres(`postgres://imprint@127.0.0.1:${port}/postgres?sslmode=verify-full`, 'dev'),
    {
      code: 'storage_failed',
      message: /does not support SSL/,
    },
  );
});
