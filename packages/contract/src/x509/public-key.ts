/**
 * Public keys as SubjectPublicKeyInfo (RFC 5280, RFC 5480, RFC 8410): three types, one encoding each, the point on its
 * curve. It trusts no key's bytes; whatever is not exactly one of these is refused.
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { concatBytes, equalBytes, fromHex, toHex } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { sha256, sha256Hex } from '../hash.ts';

export type KeyType = 'ec-p256' | 'ec-p384' | 'ed25519';

export interface PublicKey {
  type: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array;
  /** The uncompressed point (65 or 97 bytes, 04 first) or the 32 bytes of Ed25519. */
  raw: Uint8Array;
}

/**
 * All that stands before the raw key is fixed for a type (named curve, no other parameters, an uncompressed point), so
 * parsing is a comparison of bytes.
 */
const spkiPrefix: Record<KeyType, Uint8Array> = {
  'ec-p256': fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
  'ec-p384': fromHex('3076301006072a8648ce3d020106052b81040022036200'),
  ed25519: fromHex('302a300506032b6570032100'),
};
const rawBytes: Record<KeyType, number> = { 'ec-p256': 65, 'ec-p384': 97, ed25519: 32 };
export const keyTypes: readonly KeyType[] = ['ec-p256', 'ec-p384', 'ed25519'];

/** The key that `spki` (DER) holds; `key_unsupported` for another type, curve, form or encoding, or a point off its curve. */
export function parsePublicKey(spki: Uint8Array): PublicKey {
  for (const type of keyTypes) {
    const prefix = spkiPrefix[type];
    if (
      spki.length !== prefix.length + rawBytes[type] ||
      !equalBytes(spki.subarray(0, prefix.length), prefix)
    )
      continue;
    const raw = spki.slice(prefix.length);
    checkPoint(type, raw);
    return { type, spki: Uint8Array.from(spki), raw };
  }
  throw unsupported('The public key is not P-256, P-384 or Ed25519 in its one strict encoding.');
}

/** The key of its raw bytes, checked as by {@link parsePublicKey}. */
export function encodePublicKey(type: KeyType, raw: Uint8Array): PublicKey {
  return parsePublicKey(concatBytes(spkiPrefix[type], raw));
}

/** What the log and the registry call a key: SHA-256 of its SubjectPublicKeyInfo, lower-case hex. */
export function publicKeySha256(spki: Uint8Array): string {
  return sha256Hex(spki);
}

/** The subject key identifier: the first 160 bits of SHA-256 over the key's BIT STRING value (RFC 7093 section 2, method 1). */
export function keyIdentifier(key: PublicKey): Uint8Array {
  return sha256(key.raw).slice(0, 20);
}

/**
 * True where the 32 bytes are a point of Ed25519 in its one encoding and of the curve's prime order, as is every key and every R
 * that RFC 8032 makes. With a part of small order in one of them, verifiers disagree about a signature. It takes half a millisecond.
 */
export function isPrimeOrderPoint(encoded: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(encoded, false);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** The last keys that were points of their curve: an issuing reads each twice, in the request and in what is about to be signed. */
const soundKeys = new Set<string>();
const mostSoundKeys = 256;

function checkPoint(type: KeyType, raw: Uint8Array): void {
  const name = `${type} ${toHex(raw)}`;
  if (soundKeys.has(name)) return;
  requirePoint(type, raw);
  if (soundKeys.size >= mostSoundKeys) soundKeys.delete(soundKeys.values().next().value!);
  soundKeys.add(name);
}

function requirePoint(type: KeyType, raw: Uint8Array): void {
  try {
    if (type === 'ed25519') {
      // a key of small order verifies signatures that nobody made
      if (!ed25519.Point.fromBytes(raw, false).isSmallOrder()) return;
    } else if (raw[0] === 4) {
      (type === 'ec-p256' ? p256 : p384).Point.fromBytes(raw).assertValidity();
      return;
    }
  } catch (cause) {
    throw unsupported('The public key is not a point on its curve.', cause);
  }
  throw unsupported('The public key is a compressed or degenerate point.');
}

function unsupported(message: string, cause?: unknown): ImprintError {
  return new ImprintError('key_unsupported', message, {
    hint: 'Use a fresh P-256, P-384 or Ed25519 key: named curve, uncompressed point, no extra parameters.',
    ...(cause === undefined ? {} : { cause }),
  });
}
