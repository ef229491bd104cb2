import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import {
  edgeSignatures,
  malformedSignatures,
  mixedOrderSignature,
  newPrivateKey,
  type SignatureCase,
  unreducedSignatures,
} from '@imprint/contract/x509/malformed-signatures.test-kit';
import { type KeyType, keyTypes, type PublicKey, parsePublicKey } from '@imprint/contract/x509/public-key';
import { isStrictSignature, verifySignature } from '@imprint/contract/x509/signature';
import { opensslSignatures } from './openssl-signatures.ts';

/** What the contract says with OpenSSL behind it. No program of this test sets an engine, so `verifySignature` is plain code. */
const byOpenssl = (key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean =>
  isStrictSignature(key.type, signature) && opensslSignatures(key, message, signature);

const message = new TextEncoder().encode('what was signed');

function agreed(name: string, { key, message: signed, signature }: Omit<SignatureCase, 'name'>): boolean {
  const plain = verifySignature(key, signed, signature);
  assert.equal(byOpenssl(key, signed, signature), plain, name);
  return plain;
}

for (const type of keyTypes) {
  test(`both engines refuse every malformed ${type} signature`, () => {
    const privateKey = newPrivateKey(type);
    const key = publicOf(privateKey);
    const cases = Object.entries(malformedSignatures(type, privateKey, message));
    assert.ok(cases.length > 20);
    for (const [name, signature] of cases)
      assert.equal(agreed(name, { key, message, signature }), false, name);
  });
}

for (const type of ['ec-p256', 'ec-p384'] as const satisfies KeyType[]) {
  test(`both engines give one verdict on ${type} signatures at the edges`, () => {
    const cases = [...edgeSignatures(type, message), ...unreducedSignatures(type, message)];
    for (const each of cases) agreed(each.name, each);
    assert.ok(cases.length > 0);
  });
}

test('both engines refuse a signature under a key of mixed order, which OpenSSL alone takes', () => {
  const made = mixedOrderSignature(() => message);
  assert.equal(opensslSignatures({ ...made.key, raw: made.key.raw }, made.message, made.signature), false);
  assert.equal(agreed('mixed order', made), false);
});

function publicOf(privateKey: Parameters<typeof createPublicKey>[0]): PublicKey {
  return parsePublicKey(
    new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }) as Buffer),
  );
}
