/**
 * How an entry of the log is stored: as its bytes, or packed. Most of an entry are names that every entry of its type has, so a
 * packed one takes a third. What is hashed, proven and exported are the entry's own bytes; this trusts no stored byte.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { AuditEntry } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { entryDictionary } from './entry-dictionary.ts';

/** Stands before what was packed with the dictionary of that number; an entry's own first byte is `{`. */
const firstDictionary = 1;
/** The dictionary's number, and the CRC-32 of what follows: bits of DEFLATE may be flipped that change nothing that is read. */
const headBytes = 5;
const dictionary = Buffer.from(entryDictionary);
/** 8 KiB reach over dictionary and entry. */
const windowBits = 13;
const packing = { dictionary, windowBits, level: 4, memLevel: 7, chunkSize: 4096 };
const unpacking = { dictionary, windowBits, maxOutputLength: limits.logEntryBytes };
/** Half random bytes, and on the way on which a unit waits for its certificate. */
const leftAsTheyAre: ReadonlySet<AuditEntry['type']> = new Set(['credential.intended', 'credential.issued']);

/** What stands in `log_entry.packed` for an entry whose bytes these are. */
export function packEntry(type: AuditEntry['type'], bytes: Uint8Array): Uint8Array {
  if (leftAsTheyAre.has(type)) return bytes;
  const deflated = deflateRawSync(bytes, packing);
  if (deflated.length + headBytes >= bytes.length) return bytes;
  const packed = Buffer.allocUnsafe(headBytes + deflated.length);
  packed[0] = firstDictionary;
  packed.writeUInt32BE(crc32(deflated), 1);
  packed.set(deflated, headBytes);
  return packed;
}

/**
 * The bytes of the entry that is stored so, at most `limits.logEntryBytes` of them where it is packed. They are the log's
 * only where they hash to its leaf.
 * @throws log_inconsistent where they cannot be unpacked
 */
export function unpackEntry(packed: Uint8Array): Uint8Array {
  if (packed[0] !== firstDictionary) return packed;
  const deflated = packed.subarray(headBytes);
  if (packed.length < headBytes || crc32(deflated) !== sumOf(packed)) throw notAsPacked();
  try {
    return inflateRawSync(deflated, unpacking);
  } catch (cause) {
    throw notAsPacked(cause);
  }
}

function sumOf(packed: Uint8Array): number {
  return new DataView(packed.buffer, packed.byteOffset).getUint32(1);
}

function notAsPacked(cause?: unknown): ImprintError {
  return new ImprintError('log_inconsistent', 'a stored entry is not as it was packed', {
    hint: 'Run imprint audit verify: it names the entry.',
    cause,
  });
}
