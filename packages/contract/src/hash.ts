/** The hashes that Imprint names and signs things by: SHA-256 everywhere, SHA-384 beside P-384. */

import { sha256 as nobleSha256, sha384 as nobleSha384 } from '@noble/hashes/sha2.js';
import { toHex } from './bytes.ts';

/** Who computes the two functions of FIPS 180-4. */
export interface HashEngine {
  sha256(bytes: Uint8Array): Uint8Array;
  sha384(bytes: Uint8Array): Uint8Array;
}

let engine: HashEngine = { sha256: nobleSha256, sha384: nobleSha384 };

/** Has another library compute from now on, as a program does once when it starts: OpenSSL's is some ten times as fast. */
export function computeHashesBy(other: HashEngine): void {
  engine = other;
}

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return engine.sha256(bytes);
}

/** SHA-256 as 64 lower-case hexadecimal digits, the form that entries, receipts and wires carry. */
export function sha256Hex(bytes: Uint8Array): string {
  return toHex(engine.sha256(bytes));
}

/** SHA-384 (FIPS 180-4), 48 bytes. */
export function sha384(bytes: Uint8Array): Uint8Array {
  return engine.sha384(bytes);
}
