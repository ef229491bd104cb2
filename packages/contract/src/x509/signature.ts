/**
 * Verifies ECDSA and Ed25519 signatures, each in its one strict encoding. It trusts neither message nor signature; any
 * deviation is simply not a signature.
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { equalBytes, fromHex } from '../bytes.ts';
import { isImprintError } from '../errors.ts';
import { DerReader } from './der.ts';
import { isPrimeOrderPoint, type KeyType, type PublicKey } from './public-key.ts';

/**
 * The AlgorithmIdentifier (DER) of signatures by a key of this type: ecdsa-with-SHA256, ecdsa-with-SHA384 or Ed25519, all
 * without parameters (RFC 5758 section 3.2, RFC 8410 section 3).
 */
export const signatureAlgorithm: Record<KeyType, Uint8Array> = {
  'ec-p256': fromHex('300a06082a8648ce3d040302'),
  'ec-p384': fromHex('300a06082a8648ce3d040303'),
  ed25519: fromHex('300506032b6570'),
};

/** Whether a strict signature fits message and key by the curve's equation. */
export type SignatureEngine = (
  key: Pick<PublicKey, 'type' | 'raw'>,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean;

let engine: SignatureEngine = verifyInPlainCode;

/**
 * Has another library compute the equation from now on, as a program does once when it starts: OpenSSL's is some fifteen times
 * as fast. What is a signature at all stays decided here, and the engine must give the verdicts of {@link verifySignature}.
 */
export function computeSignaturesBy(other: SignatureEngine): void {
  engine = other;
}

/**
 * True where `signature` over `message` was made by `key`. P-256 with SHA-256 and P-384 with SHA-384 as a strict DER
 * ECDSA-Sig-Value with r and s in [1, n-1] (RFC 3279 section 2.2.3; a high s is valid there); Ed25519 as RFC 8032
 * section 5.1.7, with key and R canonical and of prime order, so that both equations which it allows give one verdict.
 */
export function verifySignature(
  key: Pick<PublicKey, 'type' | 'raw'>,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return isStrictSignature(key.type, signature) && engine(key, message, signature);
}

function verifyInPlainCode(
  key: Pick<PublicKey, 'type' | 'raw'>,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (key.type === 'ed25519') {
    return (
      signature.length === 64 &&
      ed25519.verify(signature, message, key.raw, { zip215: false }) &&
      isPrimeOrderPoint(signature.subarray(0, 32)) &&
      isPrimeOrderPoint(key.raw)
    );
  }
  const curve = key.type === 'ec-p256' ? p256 : p384;
  const compact = compactEcdsa(signature, key.type === 'ec-p256' ? 32 : 48);
  return compact !== undefined && curve.verify(compact, message, key.raw, { lowS: false, format: 'compact' });
}

/**
 * True where the bytes are a signature's one strict encoding for a key of this type: for a verifier that takes more than
 * {@link verifySignature} does. Whether anybody made it is not said. Of Ed25519 it looks at what OpenSSL does not: an R of
 * the neutral point. Under a key of prime order no other R of small order fits OpenSSL's equation.
 */
export function isStrictSignature(type: KeyType, signature: Uint8Array): boolean {
  if (type === 'ed25519')
    return signature.length === 64 && !equalBytes(signature.subarray(0, 32), neutralPoint);
  return compactEcdsa(signature, type === 'ec-p256' ? 32 : 48) !== undefined;
}

const neutralPoint = fromHex(`01${'00'.repeat(31)}`);

/** r and s, each in `fieldBytes`; `undefined` where the DER is not strict or a number is negative or too large to fit. */
function compactEcdsa(signature: Uint8Array, fieldBytes: number): Uint8Array | undefined {
  try {
    // a header of up to three octets, and for r and s a header of two and a sign octet
    const whole = DerReader.over(signature, 3 + 2 * (fieldBytes + 3));
    const pair = whole.enter();
    whole.end();
    const compact = new Uint8Array(2 * fieldBytes);
    for (const end of [fieldBytes, 2 * fieldBytes]) {
      const integer = pair.integer();
      if (integer[0]! >= 0x80) return undefined;
      const digits = integer[0] === 0 ? integer.subarray(1) : integer;
      if (digits.length > fieldBytes) return undefined;
      compact.set(digits, end - digits.length);
    }
    pair.end();
    return compact;
  } catch (error) {
    if (isImprintError(error, 'der_invalid')) return undefined;
    throw error;
  }
}
