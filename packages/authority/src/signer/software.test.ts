import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { digestOf } from './key-type.ts';
import { makeKey, softwareSigner } from './software.ts';

describe('software signer', () => {
  for (const type of ['ec-p256', 'ec-p384', 'ed25519'] as const) {
    test(`signs many messages at once with ${type}`, async () => {
      const signer = softwareSigner(makeKey(type));
      assert.equal(signer.keyType, type);
      const key = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' });
      const messages = Array.from({ length: 20 }, (_, index) => Buffer.from(`message ${index}`));
      const signatures = await Promise.all(messages.map((message) => signer.sign(message)));
      for (const [index, signature] of signatures.entries()) {
        assert.ok(verify(digestOf(type), messages[index]!, key, signature));
      }
    });
  }

  test('refuses RSA, P-521 and X25519 keys', () => {
    const keys = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
      generateKeyPairSync('x25519').privateKey,
    ];
    for (const key of keys) {
      assert.throws(
        () => softwareSigner(key),
        (error) => isImprintError(error, 'key_unsupported'),
      );
    }
  });
});
