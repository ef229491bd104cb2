import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { concatBytes, fromHex, toHex, toUtf8 } from '../bytes.ts';
import { DerReader } from './der.ts';
import { derElement, derInteger, derSequence } from './der-writer.ts';
import {
  encodePublicKey,
  type KeyType,
  keyIdentifier,
  keyTypes,
  parsePublicKey,
  publicKeySha256,
} from './public-key.ts';
import { verifySignature } from './signature.ts';

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

const octets = (value: bigint) =>
  fromHex(value.toString(16).padStart(value.toString(16).length + (value.toString(16).length % 2), '0'));
const rawInteger = (hex: string) => derElement(2, fromHex(hex));

for (const type of ['ec-p256', 'ec-p384'] as const) {
  const curve = type === 'ec-p256' ? p256 : p384;
  const n = curve.Point.Fn.ORDER;
  const field = type === 'ec-p256' ? 32 : 48;
  const reader = DerReader.over(signAs(type, message), 256).enter();
  const r = BigInt(`0x${toHex(reader.integer())}`);
  const s = BigInt(`0x${toHex(reader.integer())}`);
  const pair = (left: bigint, right: bigint) =>
    derSequence(derInteger(octets(left)), derInteger(octets(right)));
  const R = derInteger(octets(r));
  const S = derInteger(octets(s));
  const body = concatBytes(R, S);

  test(`${type}: both s and n - s verify, since X.509 does not ask for the low one`, () => {
    assert.equal(verifySignature(keys[type], message, pair(r, s)), true);
    assert.equal(verifySignature(keys[type], message, pair(r, n - s)), true);
  });

  test(`${type}: refuses an r whose sign octet is missing, so that it reads as negative`, () => {
    let high: Uint8Array | undefined;
    // a high r comes up every second time
    for (let round = 0; round < 200 && high === undefined; round++) {
      const numbers = DerReader.over(signAs(type, message), 256).enter();
      const first = numbers.integer();
      if (first[0] === 0) high = derSequence(derElement(2, first.subarray(1)), derInteger(numbers.integer()));
    }
    assert.equal(verifySignature(keys[type], message, high!), false);
  });

  const refused: Record<string, Uint8Array> = {
    'r of zero': pair(0n, s),
    's of zero': pair(r, 0n),
    'both zero': pair(0n, 0n),
    'r of one and s of zero': pair(1n, 0n),
    'r of n': pair(n, s),
    's of n': pair(r, n),
    'r plus n': pair(r + n, s),
    's plus n': pair(r, s + n),
    'r of n - 1 and s of n - 1': pair(n - 1n, n - 1n),
    'r over the field': pair(2n ** BigInt(field * 8), s),
    'an r of 250 bytes': pair(2n ** 2000n, s),
    'r and s swapped': pair(s, r),
    'a negative r': derSequence(rawInteger(`80${toHex(octets(r)).slice(2)}`), S),
    'an r with a needless zero': derSequence(derElement(2, Uint8Array.of(0, 0), octets(r)), S),
    'an empty r': derSequence(rawInteger(''), S),
    'no s': derSequence(R),
    'no r and s': derSequence(),
    'a third integer': derSequence(R, S, derInteger(1)),
    'a trailing NULL inside': derSequence(R, S, fromHex('0500')),
    'a trailing byte outside': concatBytes(derSequence(R, S), Uint8Array.of(0)),
    'a long-form length': concatBytes(fromHex('3081'), Uint8Array.of(body.length), body),
    'a two-octet length': concatBytes(fromHex('3082'), Uint8Array.of(0, body.length), body),
    'an indefinite length': concatBytes(fromHex('3080'), body, fromHex('0000')),
    'a SET for the SEQUENCE': derElement(0x31, R, S),
    'an OCTET STRING for r': derSequence(derElement(4, octets(r)), S),
    'a BOOLEAN for s': derSequence(R, fromHex('0101ff')),
    'raw r and s as IEEE P1363 writes them': curve.Signature.fromBytes(derSequence(R, S), 'der').toBytes(
      'compact',
    ),
    'a nested SEQUENCE': derSequence(derSequence(R, S)),
  };
  for (const [name, signature] of Object.entries(refused)) {
    test(`${type}: refuses ${name}`, () => {
      assert.equal(verifySignature(keys[type], message, signature), false);
    });
  }
}

test('ed25519: refuses s plus the order, small-order and non-canonical points', () => {
  const signature = signAs('ed25519', message);
  const order = ed25519.Point.Fn.ORDER;
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`);
  const high = fromHex((s + order).toString(16).padStart(64, '0')).reverse();
  assert.equal(verifySignature(keys.ed25519, message, concatBytes(signature.slice(0, 32), high)), false);
  // A key of small order with R = A and s = 0 "signs" every eighth message under lax verifiers
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

const p256Raw = keys['ec-p256'].raw;
const refusedKeys: Record<string, Uint8Array> = {
  nothing: new Uint8Array(0),
  'an RSA key': spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
  'a secp256k1 key': spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
  'a P-521 key': spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey),
  'an X25519 key': spkiOf(generateKeyPairSync('x25519').publicKey),
  'an Ed448 key': spkiOf(generateKeyPairSync('ed448').publicKey),
  'explicit curve parameters': spkiOf(
    generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey,
  ),
  'a compressed point': fromHex(
    `3039301306072a8648ce3d020106082a8648ce3d030107032200${toHex(p256.Point.fromBytes(p256Raw).toBytes(true))}`,
  ),
  'a hybrid point': fromHex(
    `3059301306072a8648ce3d020106082a8648ce3d03010703420006${toHex(p256Raw.subarray(1))}`,
  ),
  'the point at infinity': fromHex('301a301306072a8648ce3d020106082a8648ce3d03010703030000'),
  'a point off the curve': keys['ec-p256'].spki.with(90, keys['ec-p256'].spki[90]! ^ 1),
  'the zero point': fromHex(`3059301306072a8648ce3d020106082a8648ce3d03010703420004${'00'.repeat(64)}`),
  'a coordinate of the field prime': fromHex(
    `3059301306072a8648ce3d020106082a8648ce3d03010703420004ffffffff00000001000000000000000000000000ffffffffffffffffffffffff${'00'.repeat(32)}`,
  ),
  'a P-256 point under the P-384 name': fromHex(
    `3056301006072a8648ce3d020106052b81040022034200${toHex(p256Raw)}`,
  ),
  'a trailing byte': concatBytes(keys['ec-p256'].spki, Uint8Array.of(0)),
  'a missing byte': keys['ec-p256'].spki.subarray(0, -1),
  'NULL parameters for Ed25519': fromHex(`302c300706032b65700500032100${toHex(keys.ed25519.raw)}`),
  'unused bits in the bit string': keys.ed25519.spki.with(11, 1),
  'an Ed25519 point of small order': fromHex(`302a300506032b657003210001${'00'.repeat(31)}`),
  'an Ed25519 point that is not canonical': fromHex(
    `302a300506032b6570032100eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`,
  ),
  'an Ed25519 point off the curve': fromHex(`302a300506032b657003210002${'00'.repeat(31)}`),
};
for (const [name, spki] of Object.entries(refusedKeys)) {
  test(`refuses ${name} as a public key`, () => {
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
