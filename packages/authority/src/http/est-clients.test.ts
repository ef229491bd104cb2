/** EST with clients that others wrote: strongSwan's `pki` with a TLS of its own (1.2), and curl with what OpenSSL prints (1.2 and 1.3). */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { toPem } from '@imprint/contract/x509/pem';
import { type FieldUnit, openTestDevices, type TestDevices } from './devices.test-kit.ts';
import { estRoutes } from './est-route.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-est-'));
const run = promisify(execFile);
let devices: TestDevices;
let url = '';
const ids = ['GW-1', 'GW-2', 'GW-3'];
before(async () => {
  devices = await openTestDevices(ids, (core) => ({ mount: estRoutes(core) }));
  url = `https://127.0.0.1:${devices.port}`;
  writeFileSync(join(folder, 'root.pem'), devices.line.core.rootPem);
});
after(async () => {
  await devices.close();
  rmSync(folder, { recursive: true });
});

/** Runs a program in the folder; one that is missing fails the test with the name of its Debian package. */
async function tool(program: string, debian: string, args: string[]): Promise<string> {
  try {
    return (await run(program, args, { cwd: folder, timeout: 20_000 })).stdout;
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ENOENT') throw cause;
    throw new Error(
      `${program} is missing: install the package ${debian} (node scripts/setup.mjs --for-tests)`,
      {
        cause,
      },
    );
  }
}
const openssl = (...args: string[]) => tool('openssl', 'openssl', args);

async function shipped(): Promise<FieldUnit> {
  const unit = await devices.unit(ids.shift()!, 'stocked', 'shipped');
  writeFileSync(join(folder, 'birth.key'), unit.key.export({ format: 'pem', type: 'sec1' }), { mode: 0o600 });
  writeFileSync(join(folder, 'birth.pem'), toPem('CERTIFICATE', unit.certificate));
  writeFileSync(join(folder, 'birth.full.pem'), toPem('CERTIFICATE', unit.certificate) + unit.chainPem);
  return unit;
}

async function makeRequest(name: string): Promise<void> {
  await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  await openssl(
    'req',
    '-new',
    '-key',
    `${name}.key`,
    '-subj',
    '/CN=a gateway',
    '-outform',
    'DER',
    '-out',
    `${name}.csr`,
  );
}

function requireOperational(pem: string, unit: FieldUnit, key: string): X509Certificate {
  const found = new X509Certificate(pem);
  assert.equal(found.subject, new X509Certificate(unit.certificate).subject);
  assert.ok(found.checkPrivateKey(createPrivateKey(readFileSync(join(folder, `${key}.key`)))));
  return found;
}

test('strongSwan takes the CA certificates, enrols with the birth certificate and renews', async () => {
  const unit = await shipped();
  const pki = (...args: string[]) => tool('pki', 'strongswan-pki libstrongswan-standard-plugins', args);
  await pki('--estca', '--url', url, '--cacert', 'root.pem', '--caout', 'ca.pem', '--outform', 'pem');
  const enrol = (csr: string, cert: string, key: string) =>
    pki(
      ...['--est', '--url', url, '--in', csr, '--cacert', 'root.pem', '--cacert', 'ca-1.pem'],
      ...['--cert', cert, '--key', key, '--outform', 'pem', '--maxpolltime', '5'],
    );
  await makeRequest('one');
  const first = await enrol('one.csr', 'birth.pem', 'birth.key');
  writeFileSync(join(folder, 'one.pem'), first);
  await makeRequest('two');
  const second = await enrol('two.csr', 'one.pem', 'one.key');
  const serials = [first, second].map(
    (pem, at) => requireOperational(pem, unit, ['one', 'two'][at]!).serialNumber,
  );
  assert.notEqual(serials[0], serials[1]);
});

for (const [version, ...flags] of [
  ['TLS 1.2', '--tlsv1.2', '--tls-max', '1.2'],
  ['TLS 1.3', '--tlsv1.3'],
] as const) {
  test(`curl and OpenSSL enrol over ${version}`, async () => {
    const unit = await shipped();
    const curl = (path: string, ...args: string[]) =>
      tool('curl', 'curl', [
        ...[
          '-sS',
          '--fail',
          ...flags,
          '--cacert',
          'root.pem',
          '--cert',
          'birth.full.pem',
          '--key',
          'birth.key',
        ],
        ...args,
        `${url}/.well-known/est/${path}`,
      ]);
    await makeRequest('curl');
    await openssl('base64', '-in', 'curl.csr', '-out', 'curl.b64');
    await curl(
      'simpleenroll',
      ...['-H', 'Content-Type: application/pkcs10', '--data-binary', '@curl.b64', '-o', 'curl.p7.b64'],
    );
    await openssl('base64', '-d', '-A', '-in', 'curl.p7.b64', '-out', 'curl.p7');
    const printed = await openssl('pkcs7', '-inform', 'DER', '-in', 'curl.p7', '-print_certs');
    const pem = /-----BEGIN[\s\S]*-----END CERTIFICATE-----/.exec(printed)![0];
    requireOperational(pem, unit, 'curl');
    await curl('cacerts', '-o', 'ca.p7.b64');
    await openssl('base64', '-d', '-A', '-in', 'ca.p7.b64', '-out', 'ca.p7');
    await openssl('pkcs7', '-inform', 'DER', '-in', 'ca.p7', '-print_certs', '-out', 'all.pem');
    writeFileSync(join(folder, 'curl.pem'), pem);
    assert.match(await openssl('verify', '-CAfile', 'root.pem', '-untrusted', 'all.pem', 'curl.pem'), /OK/);
  });
}
