/** Brings a filled database to where a running authority would have it: its files in the system's memory, if that holds them. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** The rest is for the programs, and for what they have written and the disk has not taken yet. */
const mostOfMemory = 0.75;
const readBytes = 4 * 2 ** 20;

/** Reads the files of `folder` once, from end to end. False where they are too large for this machine: then nothing is read. */
export function readIntoMemory(folder: string): boolean {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  if (bytes > totalmem() * mostOfMemory) return false;
  const buffer = Buffer.allocUnsafe(readBytes);
  for (const file of files) {
    const fd = openSync(file, 'r');
    try {
      while (readSync(fd, buffer) > 0);
    } finally {
      closeSync(fd);
    }
  }
  return true;
}
