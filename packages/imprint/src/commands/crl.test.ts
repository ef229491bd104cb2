/** CRL and OCSP as people and devices meet them: real commands, a real authority that serves, and openssl asking it. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const imprint = (...args: string[]) =>
  spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8', timeout: 60_000 });

let folder = '';
let home = '';
let server: ChildProcess | undefined;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-crl-'));
  home = join(folder, 'authority');
  assert.equal(imprint('init', '--home', home, '--public-url', 'http://pki.example.com/').status, 0);
});
after(() => {
  server?.kill();
  rmSync(folder, { recursive: true });
});

test('without an authority that serves, CRLs are made by a command, each once, and listed', () => {
  assert.match(imprint('crl', 'list', '--home', home).stdout, /No CRL of a CA was published yet/);
  const { published } = JSON.parse(imprint('crl', 'publish', '--home', home, '--json').stdout);
  assert.equal(published.length, 64 + 1);
  assert.equal(imprint('crl', 'publish', '--home', home).stdout, 'No CRL is due.\n');
  const { stdout } = imprint('crl', 'list', '--home', home);
  assert.match(stdout, /device-issuing +63 of 64 +1 +0 +20/);
  assert.match(stdout, /station-issuing +0 of 1 +1 +0 +20/);
  assert.match(stdout, /Device Root +0 of 1 +1 +0 +20/);
  assert.match(stdout, /within 60 minutes/);
  const { stdout: all } = imprint('crl', 'publish', '--home', home, '--all');
  assert.match(all, /device-issuing +7 +2 +0 +\d+/);
  assert.match(all, /Station Root +0 +2 +0 +\d+/);
});

test('an authority that serves answers under the name in its certificates, and openssl verifies what it says', async () => {
  server = spawn(
    process.execPath,
    [mainFile, 'serve', '--home', home, '--station-port', '0', '--public-port', '0', '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await once(server.stdout!, 'data');
  const origin = JSON.parse(String(line)).public as string;
  const ca = join(home, 'certificates', 'issuing-ca.pem');
  const keyId = execFileSync('openssl', ['x509', '-in', ca, '-noout', '-ext', 'subjectKeyIdentifier'], {
    encoding: 'utf8',
  })
    .split('\n')[1]!
    .replaceAll(/[\s:]/g, '')
    .toLowerCase();
  const list = await fetch(`${origin}/crl/${keyId}/63.crl`);
  assert.equal(list.status, 200);
  writeFileSync(join(folder, 'list.crl'), Buffer.from(await list.arrayBuffer()));
  const shown = spawnSync(
    'openssl',
    ['crl', '-inform', 'DER', '-in', join(folder, 'list.crl'), '-CAfile', ca, '-noout', '-text'],
    { encoding: 'utf8' },
  );
  assert.match(shown.stderr + shown.stdout, /verify OK/);
  assert.match(shown.stdout, new RegExp(`URI:http://pki.example.com/crl/${keyId}/63.crl`));
  const root = join(home, 'certificates', 'root.pem');
  // the CA's own certificate names the CRL of its root, and openssl asks both of them
  const named = /URI:http:\/\/pki\.example\.com(\/crl\/[0-9a-f]{40}\/0\.crl)/.exec(
    execFileSync('openssl', ['x509', '-in', ca, '-noout', '-ext', 'crlDistributionPoints'], {
      encoding: 'utf8',
    }),
  )![1]!;
  const ofRoot = await fetch(new URL(named, origin));
  assert.deepEqual([ofRoot.status, ofRoot.headers.get('content-type')], [200, 'application/pkix-crl']);
  writeFileSync(join(folder, 'root.crl'), Buffer.from(await ofRoot.arrayBuffer()));
  const pem = execFileSync('openssl', ['crl', '-inform', 'DER', '-in', join(folder, 'root.crl')]);
  writeFileSync(join(folder, 'root.crl.pem'), pem);
  const checked = spawnSync(
    'openssl',
    ['verify', '-crl_check', '-CRLfile', join(folder, 'root.crl.pem'), '-CAfile', root, ca],
    { encoding: 'utf8' },
  );
  assert.match(checked.stdout, /issuing-ca\.pem: OK/);
  const ask = (...options: string[]) =>
    spawnSync(
      'openssl',
      [
        ...['ocsp', '-issuer', ca, '-CAfile', root, '-verify_other', ca, '-serial', '0x0123'],
        ...options,
        '-url',
        `${origin}/ocsp`,
      ],
      { encoding: 'utf8' },
    );
  const said = ask('-header', 'Host=pki.example.com');
  assert.match(said.stderr, /Response verify OK/);
  assert.match(said.stdout, /0x0123: unknown/);
  // a name that is in no certificate of this authority
  assert.doesNotMatch(ask('-header', 'Host=evil.example.com').stderr, /verify OK/);
});

test('a URL that no certificate can name is refused with what would be right', () => {
  for (const url of ['https://pki.example.com', 'http://PKI.example.com', 'http://u@x', 'pki.example.com']) {
    const { status, stderr } = imprint('init', '--home', join(folder, 'other'), '--public-url', url);
    assert.deepEqual([status, stderr.includes('is no URL that certificates can name')], [2, true], url);
  }
});
