/**
 * For tests: signatures that no strict verifier takes, by the classes of malformed input that are known to have fooled
 * verifiers, and the odd ones that are valid. Every value is computed here, from a key and a message; it tests nothing itself.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { ed25519, ed25519ctx, ed25519ph } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, fromBase64, fromHex, toHex, toUtf8 } from '../bytes.ts';
import { derElement, derNull, derOctetString, derSequence } from './der-writer.ts';
import { encodePublicKey, type KeyType, type PublicKey } from './public-key.ts';

export interface SignatureCase {
  name: string;
  key: PublicKey;
  message: Uint8Array;
  signature: Uint8Array;
}

export type EcType = Exclude<KeyType, 'ed25519'>;
const curves = { 'ec-p256': p256, 'ec-p384': p384 };
const hashes = { 'ec-p256': sha256, 'ec-p384': sha384 };
const otherHashes = {
  'ec-p256': { 'SHA-1': sha1, 'SHA-384': sha384, 'SHA-512': sha512 },
  'ec-p384': { 'SHA-1': sha1, 'SHA-256': sha256, 'SHA-512': sha512 },
};

/** A private key whose numbers are known: for tests alone. */
export function newPrivateKey(type: KeyType): KeyObject {
  if (type === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: type === 'ec-p256' ? 'P-256' : 'P-384' }).privateKey;
}

/** What must be refused as a signature over `message` by this key; the names are distinct. */
export function malformedSignatures(
  type: KeyType,
  privateKey: KeyObject,
  message: Uint8Array,
): Record<string, Uint8Array> {
  const secret = fromBase64Url(privateKey.export({ format: 'jwk' }).d!);
  return type === 'ed25519'
    ? malformedEd25519(secret, message)
    : malformedEcdsa(type, toNumber(secret), message);
}

function malformedEcdsa(type: EcType, d: bigint, message: Uint8Array): Record<string, Uint8Array> {
  const { n, p, bits, bytes } = sizesOf(type);
  const e = toNumber(hashes[type](message));
  const { r, s } = ecdsa(type, d, e);
  const R = integer(r);
  const S = integer(s);
  const body = concatBytes(R, S);
  const good = derSequence(body);
  const length = body.length;
  const numbers: Record<string, [bigint, bigint]> = {
    'r of zero': [0n, s],
    's of zero': [r, 0n],
    'r and s of zero': [0n, 0n],
    'r of one and s of zero': [1n, 0n],
    'r of zero and s of one': [0n, 1n],
    'r and s of one': [1n, 1n],
    'r and s of minus one': [-1n, -1n],
    'r of n': [n, s],
    's of n': [r, n],
    'r and s of n': [n, n],
    'r of n - 1 and s of n - 1': [n - 1n, n - 1n],
    'r of n + 1': [n + 1n, s],
    's of n + 1': [r, n + 1n],
    'r of the field prime': [p, s],
    's of the field prime': [r, p],
    'r plus n': [r + n, s],
    's plus n': [r, s + n],
    'r minus n': [r - n, s],
    's minus n': [r, s - n],
    'r negated': [-r, s],
    's negated': [r, -s],
    'r plus 2^bits': [r + 2n ** bits, s],
    's plus 2^bits': [r, s + 2n ** bits],
    'r of 2^bits - 1': [2n ** bits - 1n, s],
    's of 2^bits - 1': [r, 2n ** bits - 1n],
    'r of 2000 bits': [2n ** 2000n, s],
    's of 2000 bits': [r, s + (n << 1800n)],
    'r and s swapped': [s, r],
    's inverted': [r, inverse(s, n)],
    'r negated modulo n': [n - r, s],
    // u1 G + u2 Q is the point at infinity, which has no x to compare r with
    'an r that leads to the point at infinity': [mod(-e * inverse(d, n), n), s],
  };
  // every pair of numbers at the ends of a range
  const ends: Record<string, bigint> = {
    'minus one': -1n,
    zero: 0n,
    one: 1n,
    'n - 1': n - 1n,
    n,
    'n + 1': n + 1n,
    p,
    'p + 1': p + 1n,
  };
  const extremes = Object.entries(ends).flatMap(([left, first]) =>
    Object.entries(ends).map(([right, second]): [string, [bigint, bigint]] => [
      `the extremes: r is ${left}, s is ${right}`,
      [first, second],
    ]),
  );
  // a number with its highest bit set needs a sign octet; without, it reads as negative
  const highR = ecdsa(type, d, e, ({ r }) => r >> (bits - 1n) === 1n);
  const highS = ecdsa(type, d, e, ({ s }) => s >> (bits - 1n) === 1n);
  const encodings: Record<string, Uint8Array> = {
    'no byte': new Uint8Array(0),
    'NULL alone': derNull,
    'a zero byte': Uint8Array.of(0),
    'zero bytes': new Uint8Array(good.length),
    'an empty SEQUENCE': derSequence(),
    'a SEQUENCE of NULLs': derSequence(derNull, derNull),
    'r without its sign octet': derSequence(derElement(2, octets(highR.r)), integer(highR.s)),
    's without its sign octet': derSequence(integer(highS.r), derElement(2, octets(highS.s))),
    'a needless zero before r': derSequence(derElement(2, Uint8Array.of(0), R.subarray(2)), S),
    'a needless zero before s': derSequence(R, derElement(2, Uint8Array.of(0), S.subarray(2))),
    'r padded to 200 bytes': derSequence(derElement(2, new Uint8Array(200), R.subarray(2)), S),
    'an empty r': derSequence(derElement(2), S),
    'an empty s': derSequence(R, derElement(2)),
    'r alone': derSequence(R),
    's alone': derSequence(S),
    'r twice': derSequence(R, R),
    'a third integer': derSequence(R, S, integer(1n)),
    'an integer before r': derSequence(integer(0n), R, S),
    'NULL after s, inside': derSequence(R, S, derNull),
    'zeros after s, inside': derSequence(R, S, Uint8Array.of(0, 0)),
    'NULL between r and s': derSequence(R, derNull, S),
    'a byte after the SEQUENCE': concatBytes(good, Uint8Array.of(0)),
    'NULL after the SEQUENCE': concatBytes(good, derNull),
    'the signature twice': concatBytes(good, good),
    'a byte before the SEQUENCE': concatBytes(Uint8Array.of(0), good),
    'NULL before the SEQUENCE': concatBytes(derNull, good),
    'a length of one octet in long form': concatBytes(Uint8Array.of(0x30, 0x81, length), body),
    'a length in two octets': concatBytes(Uint8Array.of(0x30, 0x82, 0, length), body),
    'a length in four octets': concatBytes(Uint8Array.of(0x30, 0x84, 0, 0, 0, length), body),
    'a length in eight octets': concatBytes(Uint8Array.of(0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, length), body),
    'a length of r in long form': derSequence(Uint8Array.of(2, 0x81), R.subarray(1), S),
    'a length of s in long form': derSequence(R, Uint8Array.of(2, 0x81), S.subarray(1)),
    'an indefinite length': concatBytes(Uint8Array.of(0x30, 0x80), body, Uint8Array.of(0, 0)),
    'an indefinite length without an end': concatBytes(Uint8Array.of(0x30, 0x80), body),
    'an indefinite length of r': derSequence(Uint8Array.of(0x22, 0x80), R, Uint8Array.of(0, 0), S),
    ...overlongLengths(body),
    'a reserved length octet': concatBytes(Uint8Array.of(0x30, 0xff), body),
    'a length that is one too long': good.with(1, length + 1),
    'a length that is one too short': good.with(1, length - 1),
    'an s whose length is one too long': derSequence(R, S.with(1, S[1]! + 1)),
    'an s whose length is one too short': derSequence(R, S.with(1, S[1]! - 1)),
    'a SET for the SEQUENCE': derElement(0x31, body),
    'a primitive SEQUENCE': derElement(0x10, body),
    'a SEQUENCE of the application class': derElement(0x70, body),
    'a SEQUENCE tag in long form': concatBytes(Uint8Array.of(0x3f, 0x10, length), body),
    'a context tag for r': derSequence(derElement(0x82, R.subarray(2)), S),
    'a constructed r': derSequence(derElement(0x22, R.subarray(2)), S),
    'an OCTET STRING for r': derSequence(derOctetString(R.subarray(2)), S),
    'a BIT STRING for s': derSequence(R, derElement(3, Uint8Array.of(0), S.subarray(2))),
    'a BOOLEAN for s': derSequence(R, fromHex('0101ff')),
    'an ENUMERATED for r': derSequence(derElement(10, R.subarray(2)), S),
    'a REAL for r': derSequence(fromHex('090380fe01'), S),
    'text for s': derSequence(R, derElement(12, toUtf8(String(s)))),
    'NULL for r': derSequence(derNull, S),
    'a SEQUENCE inside the SEQUENCE': derSequence(good),
    'an OCTET STRING around it': derOctetString(good),
    'r and s as IEEE P1363 writes them': concatBytes(octets(r, bytes), octets(s, bytes)),
    'r and s as IEEE P1363 writes them, one byte long': concatBytes(
      Uint8Array.of(0),
      octets(r, bytes),
      octets(s, bytes),
    ),
    'hexadecimal text': toUtf8(toHex(good)),
  };
  const digests: Record<string, Uint8Array> = {
    ...Object.fromEntries(
      Object.entries(otherHashes[type]).map(([name, hash]) => [`a digest by ${name}`, hash(message)]),
    ),
    'the digest of the digest': hashes[type](hashes[type](message)),
    'the message itself as its digest': message,
    'a digest cut by an octet': hashes[type](message).subarray(0, -1),
    'a digest back to front': hashes[type](message).toReversed(),
    'the digest of no message': hashes[type](new Uint8Array(0)),
  };
  const otherCurve: EcType = type === 'ec-p256' ? 'ec-p384' : 'ec-p256';
  const foreign = ecdsa(otherCurve, mod(d, sizesOf(otherCurve).n), toNumber(hashes[otherCurve](message)));
  return {
    ...mapped({ ...numbers, ...Object.fromEntries(extremes) }, ([left, right]) =>
      derSequence(integer(left), integer(right)),
    ),
    ...encodings,
    ...truncations(good),
    ...mapped(digests, (digest) => pairOf(ecdsa(type, d, leftBits(digest, bits)))),
    'the same key on another curve': pairOf(foreign),
    'an Ed25519 signature': ed25519.sign(message, sha256(octets(d))),
  };
}

function malformedEd25519(seed: Uint8Array, message: Uint8Array): Record<string, Uint8Array> {
  const L = ed25519.Point.Fn.ORDER;
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(seed);
  const good = ed25519.sign(message, seed);
  const R = good.subarray(0, 32);
  const s = toNumber(good.slice(32).toReversed());
  const half = (value: bigint) => octets(value, 32).toReversed();
  const withS = (value: bigint) => concatBytes(R, half(value));
  /** Right in all but the form of R: `r` is the number of the point, 0 for one of small order. */
  const withR = (encoded: Uint8Array, r = 0n) =>
    concatBytes(encoded, half(mod(r + challenge(encoded) * scalar, L)));
  const challenge = (encoded: Uint8Array) =>
    toNumber(sha512(concatBytes(encoded, pointBytes, message)).toReversed());
  const keyless = toNumber(sha512(concatBytes(R, message)).toReversed());
  const { Point } = ed25519;
  // every pair of values at the ends of a range
  const ends: Record<string, bigint> = {
    zero: 0n,
    one: 1n,
    'L - 1': L - 1n,
    L,
    'p - 1': Point.Fp.ORDER - 1n,
    p: Point.Fp.ORDER,
    '2^255 - 1': 2n ** 255n - 1n,
  };
  const extremes = Object.entries(ends).flatMap(([left, first]) =>
    Object.entries(ends).map(([right, second]): [string, Uint8Array] => [
      `the extremes: R is ${left}, S is ${right}`,
      concatBytes(half(first), half(second)),
    ]),
  );
  const highBits = [253, 254, 255].map((bit): [string, Uint8Array] => [
    `bit ${bit} of S set`,
    withS(s | (1n << BigInt(bit))),
  ]);
  return {
    'no byte': new Uint8Array(0),
    'zero bytes': new Uint8Array(64),
    'ones alone': new Uint8Array(64).fill(0xff),
    'S plus L': withS(s + L),
    'S plus 2 L': withS(s + 2n * L),
    'S plus 14 L': withS(s + 14n * L),
    ...Object.fromEntries([...highBits, ...extremes]),
    'R and S overlapping by a byte': concatBytes(R, good.subarray(33)),
    'R and S overlapping by half': concatBytes(R, good.subarray(48)),
    'the last byte of R left out': concatBytes(R.subarray(0, 31), good.subarray(32)),
    'the last byte of S left out, a zero in front': concatBytes(Uint8Array.of(0), good.subarray(0, 63)),
    'S of L': withS(L),
    'S of zero': withS(0n),
    'S of one': withS(1n),
    'S of L - 1': withS(L - 1n),
    'S of 2^256 - 1': withS(2n ** 256n - 1n),
    'S negated': withS(L - s),
    'S back to front': concatBytes(R, good.slice(32).toReversed()),
    'R of zero bytes': concatBytes(new Uint8Array(32), good.subarray(32)),
    'R back to front': concatBytes(R.toReversed(), good.subarray(32)),
    'R negated': concatBytes(R.with(31, R[31]! ^ 0x80), good.subarray(32)),
    'R of the key': concatBytes(pointBytes, good.subarray(32)),
    'R that is no point': withR(half(2n)),
    'the neutral point for R, not canonical': withR(half(2n ** 255n - 18n)),
    'the neutral point for R, with the sign of minus zero': withR(half(1n | (1n << 255n))),
    'the neutral point for R, not canonical and with a sign': withR(half((2n ** 255n - 18n) | (1n << 255n))),
    // whoever signs with an R of nothing gives the key away
    'the neutral point for R': withR(half(1n)),
    // what only an equation times the cofactor takes
    'a point of order 8 for R': withR(fromHex(orderEight)),
    'an R with a part of order 8': withR(
      Point.BASE.multiply(5n).add(Point.fromHex(orderEight)).toBytes(),
      5n,
    ),
    'a point of order 4 for R, not canonical': withR(half(2n ** 255n - 19n)),
    'R and S swapped': concatBytes(good.subarray(32), R),
    'S without R': good.subarray(32),
    'R without S': R,
    'a byte after it': concatBytes(good, Uint8Array.of(0)),
    'a byte before it': concatBytes(Uint8Array.of(0), good),
    'the signature twice': concatBytes(good, good),
    'an OCTET STRING around it': derOctetString(good),
    'a SEQUENCE of integers': derSequence(integer(toNumber(R)), integer(s)),
    'hexadecimal text': toUtf8(toHex(good)),
    ...truncations(good),
    'Ed25519ctx with a context': ed25519ctx.sign(message, seed, { context: toUtf8('imprint') }),
    'Ed25519ctx without a context': ed25519ctx.sign(message, seed),
    'Ed25519ph, which hashes first': ed25519ph.sign(message, seed),
    'the digest of the message': ed25519.sign(sha512(message), seed),
    'a challenge that leaves out the key': concatBytes(
      R,
      half(mod(s + (keyless - challenge(R)) * scalar, L)),
    ),
    'the key of another seed': ed25519.sign(message, sha256(seed)),
    'an ECDSA signature': pairOf(ecdsa('ec-p256', toNumber(seed) % 2n ** 250n, toNumber(sha256(message)))),
    'a sum with a wrong number': concatBytes(Point.BASE.multiply(5n).toBytes(), half(mod(6n + scalar, L))),
  };
}

/** A point of order 8: added to a point it changes all but eight times that point. */
const orderEight = 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a';

/** Valid signatures that a careless verifier refuses: a high s, the smallest numbers, an x of n or more that is reduced. */
export function edgeSignatures(type: EcType, message: Uint8Array): SignatureCase[] {
  const { n, p } = sizesOf(type);
  const d = toNumber(sha256(toUtf8('a key of our own')));
  const e = toNumber(hashes[type](message));
  const { r, s } = ecdsa(type, d, e);
  const key = encodePublicKey(type, curves[type].Point.BASE.multiply(d).toBytes(false));
  const [least] = liftable(type, 1n, p);
  const [wrapped] = liftable(type, n, p);
  return [
    { name: 's of the lower half', key, message, signature: pairOf({ r, s: s < n - s ? s : n - s }) },
    { name: 's of the upper half', key, message, signature: pairOf({ r, s: s < n - s ? n - s : s }) },
    under(type, 'the least r and an s of one', least!, least!, 1n, message),
    under(type, 'the least r and an s of n - 1', least!, least!, n - 1n, message),
    under(type, 'an s that is the inverse of two', least!, least!, (n + 1n) / 2n, message),
    under(type, 'an x of n or more, reduced', wrapped!, wrapped! - n, 1n, message),
    // Q and G are the same point, or each the other's negative: adding them is doubling, or gives infinity
    bySecret(type, 'the generator as the key', 1n, message),
    bySecret(type, 'the negative of the generator as the key', n - 1n, message),
    bySecret(
      type,
      'a digest that begins with zeros',
      d,
      messageOfDigest(type, (hex) => hex.startsWith('000')),
    ),
    bySecret(
      type,
      'a digest that ends in zeros',
      d,
      messageOfDigest(type, (hex) => hex.endsWith('000')),
    ),
    bySecret(
      type,
      'a digest that begins with ones',
      d,
      messageOfDigest(type, (hex) => hex.startsWith('fff')),
    ),
  ];
}

/** The twins of the last of {@link edgeSignatures} that must be refused: the numbers are those of the curve, not of its order. */
export function unreducedSignatures(type: EcType, message: Uint8Array): SignatureCase[] {
  const { n, p } = sizesOf(type);
  const [wrapped] = liftable(type, n, p);
  return [
    {
      ...under(type, 'an x of n or more, not reduced', wrapped!, wrapped! - n, 1n, message),
      signature: pairOf({ r: wrapped!, s: 1n }),
    },
    {
      ...under(type, 'an s of n + 1', wrapped!, wrapped! - n, 1n, message),
      signature: pairOf({ r: wrapped! - n, s: n + 1n }),
    },
  ];
}

/**
 * A signature under a key with a part of order 8, made so that OpenSSL takes it: the challenge is a multiple of eight. `messageOf`
 * composes what is signed, once the key is known.
 */
export function mixedOrderSignature(messageOf: (key: PublicKey) => Uint8Array): SignatureCase {
  const { Point } = ed25519;
  const a = toNumber(sha256(toUtf8('a number of our own'))) % Point.Fn.ORDER;
  const key = encodePublicKey('ed25519', Point.BASE.multiply(a).add(Point.fromHex(orderEight)).toBytes());
  const message = messageOf(key);
  for (let r = 1n; ; r++) {
    const R = Point.BASE.multiply(r).toBytes();
    const k = mod(toNumber(sha512(concatBytes(R, key.raw, message)).toReversed()), Point.Fn.ORDER);
    if (k % 8n !== 0n) continue;
    const S = octets(mod(r + k * a, Point.Fn.ORDER), 32).toReversed();
    return { name: 'a key with a part of order 8', key, message, signature: concatBytes(R, S) };
  }
}

/** The key under which (r, s) signs the message with the point of this x: Q = r^-1 (s R - e G). */
function under(
  type: EcType,
  name: string,
  x: bigint,
  r: bigint,
  s: bigint,
  message: Uint8Array,
): SignatureCase {
  const { n, bytes } = sizesOf(type);
  const { Point } = curves[type];
  const e = mod(toNumber(hashes[type](message)), n);
  const R = Point.fromBytes(concatBytes(Uint8Array.of(2), octets(x, bytes)));
  const Q = R.multiply(s).add(Point.BASE.multiply(e).negate()).multiply(inverse(r, n));
  return { name, key: encodePublicKey(type, Q.toBytes(false)), message, signature: pairOf({ r, s }) };
}

function bySecret(type: EcType, name: string, d: bigint, message: Uint8Array): SignatureCase {
  const key = encodePublicKey(type, curves[type].Point.BASE.multiply(d).toBytes(false));
  return { name, key, message, signature: pairOf(ecdsa(type, d, toNumber(hashes[type](message)))) };
}

/** The first of some thousand messages whose digest is as wanted. */
function messageOfDigest(type: EcType, wanted: (hex: string) => boolean): Uint8Array {
  for (let count = 0; ; count++) {
    const message = toUtf8(`message ${count}`);
    if (wanted(toHex(hashes[type](message)))) return message;
  }
}

/** The first numbers from `low` on that are the x of a point, below `high`. */
function liftable(type: EcType, low: bigint, high: bigint): bigint[] {
  const { bytes } = sizesOf(type);
  for (let x = low + 1n; x < high; x++) {
    try {
      curves[type].Point.fromBytes(concatBytes(Uint8Array.of(2), octets(x, bytes))).assertValidity();
      return [x];
    } catch {
      // no point has this x
    }
  }
  return [];
}

/** An ECDSA signature over the digest `e` by the first number k that gives what `wanted` asks for. */
function ecdsa(
  type: EcType,
  d: bigint,
  e: bigint,
  wanted: (pair: { r: bigint; s: bigint }) => boolean = () => true,
): { r: bigint; s: bigint } {
  const { n } = sizesOf(type);
  for (let k = mod(toNumber(sha512(octets(d + e))), n); ; k++) {
    const r = mod(curves[type].Point.BASE.multiply(k).toAffine().x, n);
    const pair = { r, s: mod(inverse(k, n) * (e + r * d), n) };
    if (wanted(pair)) return pair;
  }
}

/** Lengths that a reader with small numbers wraps round to the right one, or takes for no end. */
function overlongLengths(body: Uint8Array): Record<string, Uint8Array> {
  const lengths: Record<string, string> = {
    '2^31 - 1': '847fffffff',
    '2^31': '8480000000',
    '2^32 - 1': '84ffffffff',
    '2^64 - 1': '88ffffffffffffffff',
    '2^32 more than it is': `8501000000${toHex(Uint8Array.of(body.length))}`,
    '2^64 more than it is': `890100000000000000${toHex(Uint8Array.of(body.length))}`,
  };
  return Object.fromEntries(
    Object.entries(lengths).map(([name, octets]) => [
      `a length of ${name}`,
      concatBytes(Uint8Array.of(0x30), fromHex(octets), body),
    ]),
  );
}

function truncations(good: Uint8Array): Record<string, Uint8Array> {
  const cuts = [1, 2, 3, 4, 5, good.length >> 1, good.length - 2, good.length - 1];
  return Object.fromEntries(cuts.map((bytes) => [`the first ${bytes} bytes`, good.subarray(0, bytes)]));
}

function sizesOf(type: EcType) {
  const bytes = type === 'ec-p256' ? 32 : 48;
  const { Point } = curves[type];
  return { n: Point.Fn.ORDER, p: Point.Fp.ORDER, bytes, bits: BigInt(bytes * 8) };
}

const pairOf = ({ r, s }: { r: bigint; s: bigint }) => derSequence(integer(r), integer(s));

/** An INTEGER of any sign, minimal. */
function integer(value: bigint): Uint8Array {
  let bytes = 1;
  while (value >= 1n << BigInt(8 * bytes - 1) || value < -(1n << BigInt(8 * bytes - 1))) bytes++;
  return derElement(2, octets(BigInt.asUintN(8 * bytes, value), bytes));
}

function octets(value: bigint, bytes = Math.max(1, Math.ceil(value.toString(16).length / 2))): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * bytes, '0'));
}

function leftBits(digest: Uint8Array, bits: bigint): bigint {
  const surplus = BigInt(digest.length * 8) - bits;
  return surplus > 0n ? toNumber(digest) >> surplus : toNumber(digest);
}

const toNumber = (bytes: Uint8Array) => BigInt(`0x0${toHex(bytes)}`);
const mod = (value: bigint, modulus: bigint) => ((value % modulus) + modulus) % modulus;

/** By Fermat: the modulus is prime. */
function inverse(value: bigint, prime: bigint): bigint {
  let [result, base] = [1n, mod(value, prime)];
  for (let power = prime - 2n; power > 0n; power >>= 1n) {
    if (power & 1n) result = (result * base) % prime;
    base = (base * base) % prime;
  }
  return result;
}

function fromBase64Url(text: string): Uint8Array {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='));
}

function mapped<From, To>(values: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
