import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import { certificationRequest } from './certification-request.ts';

it('OpenSSL reads the request and verifies its proof of possession', () => {
  for (const namedCurve of ['P-256', 'P-384']) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
    const der = certificationRequest('station-7', publicKey, privateKey);
    const judge = spawnSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-subject'], {
      input: der,
    });
    assert.equal(judge.status, 0, String(judge.stderr));
    assert.match(String(judge.stdout) + String(judge.stderr), /CN\s*=\s*station-7/);
  }
});
