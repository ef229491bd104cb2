/**
 * For tests: public keys (SubjectPublicKeyInfo, DER) that nobody may trust: other types and curves, other spellings of a good key,
 * points that are none. It tests nothing itself.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { concatBytes, fromHex } from '../bytes.ts';
import { derElement, derInteger, derNull, derOid, derSequence } from './der-writer.ts';

const ecKey = derOid('1.2.840.10045.2.1');
const curveOids = {
  'ec-p256': derOid('1.2.840.10045.3.1.7'),
  'ec-p384': derOid('1.3.132.0.34'),
};
const ed25519Oid = derOid('1.3.101.112');
const spkiOf = (key: KeyObject) => new Uint8Array(key.export({ format: 'der', type: 'spki' }));
const bits = (raw: Uint8Array, unused = 0) => derElement(3, Uint8Array.of(unused), raw);
const generated = {
  'an RSA key': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'an RSA-PSS key': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  'a P-224 key': generateKeyPairSync('ec', { namedCurve: 'secp224r1' }),
  'a P-521 key': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  'a secp256k1 key': generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  'a brainpoolP256r1 key': generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }),
  'an X25519 key': generateKeyPairSync('x25519'),
  'an Ed448 key': generateKeyPairSync('ed448'),
  'explicit parameters of P-256': generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    paramEncoding: 'explicit',
  }),
  'explicit parameters of P-384': generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    paramEncoding: 'explicit',
  }),
};

/** The keys by what is wrong with each. */
export function malformedKeys(): Record<string, Uint8Array> {
  return {
    'no byte': new Uint8Array(0),
    'NULL alone': derNull,
    'an empty SEQUENCE': derSequence(),
    ...Object.fromEntries(
      Object.entries(generated).map(([name, { publicKey }]) => [name, spkiOf(publicKey)]),
    ),
    ...malformedEcKeys('ec-p256'),
    ...malformedEcKeys('ec-p384'),
    ...malformedEd25519Keys(),
  };
}

function malformedEcKeys(type: 'ec-p256' | 'ec-p384'): Record<string, Uint8Array> {
  const curve = type === 'ec-p256' ? p256 : p384;
  const otherType = type === 'ec-p256' ? 'ec-p384' : 'ec-p256';
  const other = type === 'ec-p256' ? p384 : p256;
  const size = type === 'ec-p256' ? 32 : 48;
  const p = curve.Point.Fp.ORDER;
  // (0, y) is on the curve, so its x may be written as p as well, which has as many octets
  const onAxis = curve.Point.fromBytes(concatBytes(Uint8Array.of(2), new Uint8Array(size)));
  const point = curve.Point.BASE.multiply(7n);
  const raw = point.toBytes(false);
  const named = concatBytes(ecKey, curveOids[type]);
  const key = (bytes: Uint8Array) => derSequence(derSequence(named), bits(bytes));
  const good = key(raw);
  const x = raw.subarray(1, 1 + size);
  const y = raw.subarray(1 + size);
  const cases: Record<string, Uint8Array> = {
    'a compressed point': key(point.toBytes(true)),
    'a hybrid point': key(raw.with(0, 6 + (raw.at(-1)! & 1))),
    'a point of a form that does not exist': key(raw.with(0, 5)),
    'a point without its form': key(raw.subarray(1)),
    'the point at infinity': key(Uint8Array.of(0)),
    'the point at infinity in full length': key(new Uint8Array(raw.length)),
    'no point': key(new Uint8Array(0)),
    'the point of two zeros': key(concatBytes(Uint8Array.of(4), new Uint8Array(2 * size))),
    'a point off the curve': key(raw.with(raw.length - 1, raw.at(-1)! ^ 1)),
    'x and y swapped': key(concatBytes(Uint8Array.of(4), y, x)),
    'a point of the other curve': key(other.Point.BASE.toBytes(false)),
    'an x of the field prime': key(
      concatBytes(Uint8Array.of(4), octets(p, size), onAxis.toBytes(false).subarray(1 + size)),
    ),
    'a y of the field prime': key(concatBytes(Uint8Array.of(4), x, octets(p, size))),
    'a point that is a byte short': key(raw.subarray(0, -1)),
    'a point that is a byte long': key(concatBytes(raw, Uint8Array.of(0))),
    'coordinates with a needless zero': key(concatBytes(Uint8Array.of(4, 0), x, Uint8Array.of(0), y)),
    'the name of the other curve': derSequence(derSequence(ecKey, curveOids[otherType]), bits(raw)),
    'no parameters': derSequence(derSequence(ecKey), bits(raw)),
    'NULL parameters': derSequence(derSequence(ecKey, derNull), bits(raw)),
    'parameters and NULL': derSequence(derSequence(named, derNull), bits(raw)),
    'the curve as its own algorithm': derSequence(derSequence(curveOids[type]), bits(raw)),
    'the algorithm of Ed25519': derSequence(derSequence(ed25519Oid, curveOids[type]), bits(raw)),
    'ECDH alone as its algorithm': derSequence(
      derSequence(derOid('1.3.132.1.12'), curveOids[type]),
      bits(raw),
    ),
    'unused bits': derSequence(derSequence(named), bits(raw, 1)),
    'the point as an OCTET STRING': derSequence(derSequence(named), derElement(4, raw)),
    'the point as an OCTET STRING inside the bits': key(derElement(4, raw)),
    'a byte after it': concatBytes(good, Uint8Array.of(0)),
    'a byte inside, after the point': derSequence(derSequence(named), bits(raw), Uint8Array.of(0)),
    'NULL inside, after the point': derSequence(derSequence(named), bits(raw), derNull),
    'a byte missing': good.subarray(0, -1),
    'a length in long form': concatBytes(Uint8Array.of(0x30, 0x81), good.subarray(1)),
    'an indefinite length': concatBytes(Uint8Array.of(0x30, 0x80), good.subarray(2), Uint8Array.of(0, 0)),
    'the point alone': raw,
    'the two coordinates as integers': derSequence(
      derSequence(named),
      derSequence(derInteger(x), derInteger(y)),
    ),
  };
  return prefixed(type, cases);
}

function malformedEd25519Keys(): Record<string, Uint8Array> {
  const { Point } = ed25519;
  const p = Point.Fp.ORDER;
  const raw = Point.BASE.multiply(7n).toBytes();
  const key = (bytes: Uint8Array) => derSequence(derSequence(ed25519Oid), bits(bytes));
  const good = key(raw);
  const y = (value: bigint) => octets(value, 32).toReversed();
  const sign = 1n << 255n;
  const eighth = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
  const small = Array.from({ length: 8 }, (_, times): [string, Uint8Array] => [
    `a point of small order, ${times} times the one of order 8`,
    key((times === 0 ? Point.ZERO : eighth.multiplyUnsafe(BigInt(times))).toBytes()),
  ]);
  // the other way to write a y below 19: only of such points is there a second encoding
  const second = Array.from({ length: 19 }, (_, low) => BigInt(low)).filter(isOnCurve);
  const cases: Record<string, Uint8Array> = {
    ...Object.fromEntries(small),
    ...Object.fromEntries(second.map((low) => [`a y of ${low} written as p + ${low}`, key(y(p + low))])),
    'the neutral point with the sign of minus zero': key(y(1n | sign)),
    'the point of order 2 with the sign of minus zero': key(y((p - 1n) | sign)),
    'a y that no point has': key(y(2n)),
    'a y of 2^255 - 1': key(y(sign - 1n)),
    'zeros with a sign': key(y(sign)),
    'a key that is a byte short': key(raw.subarray(0, -1)),
    'a key that is a byte long': key(concatBytes(raw, Uint8Array.of(0))),
    'no key': key(new Uint8Array(0)),
    'NULL parameters': derSequence(derSequence(ed25519Oid, derNull), bits(raw)),
    'a curve as parameter': derSequence(derSequence(ed25519Oid, curveOids['ec-p256']), bits(raw)),
    'the algorithm of X25519': derSequence(derSequence(derOid('1.3.101.110')), bits(raw)),
    'the algorithm of Ed448': derSequence(derSequence(derOid('1.3.101.113')), bits(raw)),
    'the algorithm of elliptic curves': derSequence(derSequence(ecKey), bits(raw)),
    'unused bits': derSequence(derSequence(ed25519Oid), bits(raw, 1)),
    'the key as an OCTET STRING': derSequence(derSequence(ed25519Oid), derElement(4, raw)),
    'an OCTET STRING inside the bits': key(derElement(4, raw)),
    'a byte after it': concatBytes(good, Uint8Array.of(0)),
    'a byte inside, after the key': derSequence(derSequence(ed25519Oid), bits(raw), Uint8Array.of(0)),
    'a byte missing': good.subarray(0, -1),
    'a length in long form': concatBytes(Uint8Array.of(0x30, 0x81), good.subarray(1)),
    'the 32 bytes alone': raw,
  };
  return prefixed('ed25519', cases);
}

function isOnCurve(y: bigint): boolean {
  try {
    ed25519.Point.fromBytes(octets(y, 32).toReversed());
    return true;
  } catch {
    return false;
  }
}

function octets(value: bigint, bytes: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * bytes, '0'));
}

function prefixed(type: string, cases: Record<string, Uint8Array>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(cases).map(([name, spki]) => [`${type}: ${name}`, spki]));
}
