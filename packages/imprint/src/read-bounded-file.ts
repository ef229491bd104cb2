/** Reads a file that a person named: only so many bytes of it, and as text only if it is UTF-8. Trusts neither name nor content. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';

/**
 * The text of the file, exactly as it is: a byte order mark stays, so that a hash over the text is one over the bytes.
 *
 * @param maxBytes of a file longer than this no more is read
 * @throws ImprintError `file_invalid`.
 */
export function readBoundedFile(path: string, maxBytes: number): string {
  const bytes = readBoundedBytes(path, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ImprintError('file_invalid', `${path} is not UTF-8 text`, {
      hint: 'Save it as UTF-8 without BOM.',
    });
  }
}

/**
 * The bytes of the file.
 *
 * @param maxBytes of a file longer than this no more is read
 * @throws ImprintError `file_invalid`.
 */
export function readBoundedBytes(path: string, maxBytes: number): Uint8Array {
  const bytes = readBytes(path, maxBytes);
  if (bytes.length <= maxBytes) return bytes;
  throw new ImprintError('file_invalid', `${path} is longer than ${maxBytes} bytes`, {
    hint: 'Check that this is the right file.',
  });
}

/** Up to one byte more than `maxBytes`, which tells a file that is too long. */
function readBytes(path: string, maxBytes: number): Uint8Array {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    if (fstatSync(file).isDirectory()) throw new Error('it is a folder');
    const buffer = new Uint8Array(maxBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return buffer.subarray(0, length);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImprintError('file_invalid', `${path} cannot be read: ${reason}`, {
      hint: 'Check its name and your rights to it.',
      cause,
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
