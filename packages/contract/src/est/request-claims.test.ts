import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isImprintError } from '../errors.ts';
import { readRequestClaims } from './request-claims.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-claims-'));
after(() => rmSync(folder, { recursive: true }));
const openssl = (args: string[]) => execFileSync('openssl', args, { cwd: folder });
before(() => openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem']));

function request(config: string): Uint8Array {
  writeFileSync(join(folder, 'req.cnf'), config);
  return openssl(['req', '-new', '-key', 'key.pem', '-config', 'req.cnf', '-outform', 'DER']);
}

const head = '[req]\nprompt = no\nstring_mask = utf8only\ndistinguished_name = dn\n';

test('reads names, URIs and the challenge password of a request that OpenSSL made', () => {
  const der = request(
    `${head}req_extensions = ext\nattributes = attrs\n[dn]\nO = Example\nCN = SN-1\nserialNumber = SN-1\n` +
      '[ext]\nbasicConstraints = critical,CA:TRUE\nsubjectAltName = critical,DNS:x.example,URI:urn:imprint:dev:SN-1\n' +
      '[attrs]\nchallengePassword = c2VjcmV0\n',
  );
  assert.deepEqual(readRequestClaims(der), {
    serialNumbers: ['SN-1'],
    commonNames: ['SN-1'],
    uris: ['urn:imprint:dev:SN-1'],
    challengePassword: 'c2VjcmV0',
  });
});

test('a request that claims nothing has no claims', () => {
  assert.deepEqual(readRequestClaims(request(`${head}[dn]\nO = Example\n`)), {
    serialNumbers: [],
    commonNames: [],
    uris: [],
  });
});

test('refuses bytes in which no claims can be found, and never echoes the password', () => {
  const der = request(
    `${head}attributes = attrs\n[dn]\nCN = x\n[attrs]\nchallengePassword = topsecretvalue\n`,
  );
  for (let length = 0; length < der.length - 80; length++) {
    assert.throws(
      () => readRequestClaims(der.subarray(0, length)),
      (error) => isImprintError(error, 'csr_invalid') && !JSON.stringify(error).includes('topsecret'),
    );
  }
  assert.throws(
    () => readRequestClaims(new Uint8Array(5000)),
    (error) => isImprintError(error, 'csr_invalid'),
  );
});
