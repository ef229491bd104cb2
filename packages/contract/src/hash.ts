/** The hashes that Imprint names and signs things by: SHA-256 everywhere, SHA-384 beside P-384. */

import { sha256 as nobleSha256, sha384 as nobleSha384 } from '@noble/hashes/sha2.js';
import { toHex } from './bytes.ts';

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}

/** SHA-256 as 64 lower-case hexadecimal digits, the form that entries, receipts and wires carry. */
export function sha256Hex(bytes: Uint8Array): string {
  return toHex(nobleSha256(bytes));
}

/** SHA-384 (FIPS 180-4), 48 bytes. */
export function sha384(bytes: Uint8Array): Uint8Array {
  return nobleSha384(bytes);
}
