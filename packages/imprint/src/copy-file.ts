/** Copies a file by reading and writing it. The kernel's own copying is faster, but tells neither a disk's failure nor a test of one where it happens. */
import { closeSync, fchmodSync, openSync, readSync, writeSync } from 'node:fs';

const pieceBytes = 1024 * 1024;

/** Makes `to`, which must not be there, with exactly this mode. It is not synced. */
export function copyFile(from: string, to: string, mode: number): void {
  const source = openSync(from, 'r');
  try {
    const target = openSync(to, 'wx', mode);
    try {
      fchmodSync(target, mode);
      const piece = new Uint8Array(pieceBytes);
      for (let length = readSync(source, piece); length > 0; length = readSync(source, piece)) {
        for (let at = 0; at < length; ) at += writeSync(target, piece, at, length - at);
      }
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}
