/** Keys of a device: there for their owner alone, found again after a stop, and gone when they are forgotten. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { keyTypes, parsePublicKey } from '@imprint/contract/x509/public-key';
import { verifySignature } from '@imprint/contract/x509/signature';
import { makeCertificationRequest } from './certification-request.ts';
import { softwareKeySlot } from './software-key-slot.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-device-slot-'));
after(() => rmSync(folder, { recursive: true }));

for (const type of keyTypes) {
  test(`a key of type ${type} signs, is found again by its handle, and its request holds before OpenSSL`, async () => {
    const slot = softwareKeySlot(join(folder, type));
    const made = await slot.makeKey(type);
    assert.equal(made.type, type);
    const again = await softwareKeySlot(join(folder, type)).open(made.handle);
    const message = new TextEncoder().encode('what is signed');
    assert.ok(verifySignature(parsePublicKey(made.spki), message, await again.sign(message)));
    const request = join(folder, `${type}.csr`);
    writeFileSync(request, await makeCertificationRequest(again, 'GW-M1-00001', 'YmluZGluZw=='));
    const shown = execFileSync(
      'openssl',
      ['req', '-inform', 'DER', '-in', request, '-verify', '-noout', '-text'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    assert.match(shown, /serialNumber ?= ?GW-M1-00001/);
    assert.match(shown, /challengePassword +:YmluZGluZw==/);
  });
}

test('files of keys are their owner’s alone, and a forgotten key is on no disk', async () => {
  const place = join(folder, 'modes');
  const slot = softwareKeySlot(place);
  const [kept, spent] = [await slot.makeKey('ec-p256'), await slot.makeKey('ec-p256')];
  await slot.forget(spent.handle);
  assert.deepEqual(await slot.handles(), [kept.handle]);
  assert.deepEqual(readdirSync(place), [`${kept.handle}.key.pem`]);
  assert.equal(statSync(join(place, `${kept.handle}.key.pem`)).mode & 0o777, 0o600);
  assert.equal(statSync(place).mode & 0o777, 0o700);
});

test('a handle that is none opens no file', async () => {
  const slot = softwareKeySlot(join(folder, 'paths'));
  for (const handle of ['../modes/x', 'f'.repeat(32), '']) {
    await assert.rejects(slot.open(handle), (error) => isImprintError(error, 'key_locked'));
  }
});
