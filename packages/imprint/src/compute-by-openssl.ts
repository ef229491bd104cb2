/** Has OpenSSL compute what the contract would compute in plain code, for programs on Node (decisions 0127 and 0131). */
import { hash } from 'node:crypto';
import { computeHashesBy, type HashEngine } from '@imprint/contract/hash';
import { computeSignaturesBy } from '@imprint/contract/x509/signature';
import { opensslSignatures } from './openssl-signatures.ts';

/** Called once, when a program starts. Verdicts and hashes stay the same. */
export function computeByOpenssl(): void {
  computeSignaturesBy(opensslSignatures);
  computeHashesBy(opensslHashes);
}

export const opensslHashes: HashEngine = {
  sha256: (bytes) => bytesOf(hash('sha256', bytes, 'buffer')),
  sha384: (bytes) => bytesOf(hash('sha384', bytes, 'buffer')),
};

/** A Buffer's `slice` shares its bytes, which nobody expects of a hash. */
function bytesOf(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
