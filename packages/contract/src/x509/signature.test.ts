import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, fromHex, toUtf8 } from '../bytes.ts';
import { malformedKeys } from './malformed-keys.test-kit.ts';
import {
  edgeSignatures,
  malformedSignatures,
  mixedOrderSignature,
  unreducedSignatures,
} from './malformed-signatures.test-kit.ts';
import {
  encodePublicKey,
  isPrimeOrderPoint,
  type KeyType,
  keyIdentifier,
  keyTypes,
  type PublicKey,
  parsePublicKey,
  publicKeySha256,
} from './public-key.ts';
import { isStrictSignature, verifySignature } from './signature.ts';

const pairs: Record<KeyType, { publicKey: KeyObject; privateKey: KeyObject }> = {
  'ec-p256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ec-p384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ed25519: generateKeyPairSync('ed25519'),
};
const spkiOf = (key: KeyObject) => new Uint8Array(key.export({ format: 'der', type: 'spki' }));
const keys = Object.fromEntries(
  keyTypes.map((type) => [type, parsePublicKey(spkiOf(pairs[type].publicKey))]),
) as Record<KeyType, ReturnType<typeof parsePublicKey>>;
const digest = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null } as const;
const signAs = (type: KeyType, message: Uint8Array) =>
  new Uint8Array(sign(digest[type], message, pairs[type].privateKey));
const message = toUtf8('what was signed');

for (const type of keyTypes) {
  test(`${type}: a key of node:crypto parses to itself and its signatures verify`, () => {
    const key = keys[type];
    assert.equal(key.type, type);
    assert.deepEqual(encodePublicKey(type, key.raw), key);
    assert.equal(publicKeySha256(key.spki).length, 64);
    assert.equal(keyIdentifier(key).length, 20);
    for (let round = 0; round < 8; round++) {
      const text = toUtf8(`message ${round}`);
      assert.equal(verifySignature(key, text, signAs(type, text)), true);
      assert.equal(verifySignature(key, toUtf8(`message ${round + 1}`), signAs(type, text)), false);
    }
  });

  test(`${type}: no bit flipped, byte dropped or byte added leaves a signature`, () => {
    const signature = signAs(type, message);
    for (let bit = 0; bit < signature.length * 8; bit += type === 'ec-p384' ? 7 : 3) {
      const flipped = Uint8Array.from(signature);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(verifySignature(keys[type], message, flipped), false, `bit ${bit}`);
    }
    for (const bad of [
      signature.subarray(1),
      signature.subarray(0, -1),
      concatBytes(signature, Uint8Array.of(0)),
      concatBytes(Uint8Array.of(0), signature),
      new Uint8Array(0),
      new Uint8Array(signature.length),
      new Uint8Array(100_000),
    ]) {
      assert.equal(verifySignature(keys[type], message, bad), false);
    }
  });

  test(`${type}: no signature by a key of another type, and none of its signatures by another key`, () => {
    for (const other of keyTypes) {
      if (other !== type) assert.equal(verifySignature(keys[type], message, signAs(other, message)), false);
    }
    const stranger =
      type === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: type === 'ec-p256' ? 'P-256' : 'P-384' });
    assert.equal(
      verifySignature(parsePublicKey(spkiOf(stranger.publicKey)), message, signAs(type, message)),
      false,
    );
  });
}

const opensslTakes = (key: PublicKey, text: Uint8Array, signature: Uint8Array) =>
  verify(
    digest[key.type],
    text,
    createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' }),
    signature,
  );

for (const type of keyTypes) {
  // OpenSSL stands beside it, since the authority and `run-job` verify with it
  for (const [name, signature] of Object.entries(
    malformedSignatures(type, pairs[type].privateKey, message),
  )) {
    test(`${type}: refuses ${name} as a signature, and so does OpenSSL`, () => {
      assert.equal(verifySignature(keys[type], message, signature), false);
      assert.equal(isStrictSignature(type, signature) && opensslTakes(keys[type], message, signature), false);
    });
  }
}

for (const type of ['ec-p256', 'ec-p384'] as const) {
  for (const { name, key, message: signed, signature } of edgeSignatures(type, message)) {
    test(`${type}: takes ${name}, and so does OpenSSL: X9.62 allows it`, () => {
      assert.equal(verifySignature(key, signed, signature), true);
      assert.equal(isStrictSignature(type, signature), true);
      assert.equal(opensslTakes(key, signed, signature), true);
    });
  }
  for (const { name, key, signature } of unreducedSignatures(type, message)) {
    test(`${type}: refuses ${name}, under the key to which it would fit`, () => {
      assert.equal(verifySignature(key, message, signature), false);
      assert.equal(opensslTakes(key, message, signature), false);
    });
  }
}

test('ed25519: refuses a key with a part of small order, even a signature under it that OpenSSL takes', () => {
  const { key, signature } = mixedOrderSignature(() => message);
  assert.equal(opensslTakes(key, message, signature), true);
  assert.equal(isPrimeOrderPoint(key.raw), false);
  assert.equal(verifySignature(key, message, signature), false);
});

test('ed25519: a key of small order verifies nothing, however it came past the reading of keys', () => {
  const identity = fromHex(`01${'00'.repeat(31)}`);
  const key = { type: 'ed25519' as const, raw: identity, spki: new Uint8Array(0) };
  assert.equal(verifySignature(key, message, concatBytes(identity, new Uint8Array(32))), false);
});

test('verifies RFC 8032 section 7.1 test 3', () => {
  const key = encodePublicKey(
    'ed25519',
    fromHex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
  );
  const signature = fromHex(
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  );
  assert.equal(verifySignature(key, fromHex('af82'), signature), true);
});

for (const [name, spki] of Object.entries(malformedKeys())) {
  test(`refuses as a public key: ${name}`, () => {
    assert.throws(() => parsePublicKey(spki), { code: 'key_unsupported' });
  });
}

test('I-10: any bytes are a key or key_unsupported, nothing else', () => {
  const mutated = fc
    .tuple(fc.constantFrom(...keyTypes), fc.nat(), fc.nat({ max: 255 }))
    .map(([type, at, octet]) => keys[type].spki.with(at % keys[type].spki.length, octet));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), mutated), (bytes) => {
      try {
        assert.deepEqual(parsePublicKey(bytes).spki, bytes);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'key_unsupported');
      }
    }),
  );
});
