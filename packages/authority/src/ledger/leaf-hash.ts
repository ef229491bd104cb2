/** Leaf hashes as the log's writer makes them: those of RFC 9162 by the platform's SHA-256, which the audit checks with another. */
import { hash } from 'node:crypto';

const leafPrefix = Uint8Array.of(0);

/** SHA-256(0x00 || entry), 32 bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([leafPrefix, entry]), 'buffer');
}
