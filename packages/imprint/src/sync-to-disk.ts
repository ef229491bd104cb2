/** Brings files and names to the disk: a file's bytes need a sync of the file, and its name one of the folder that holds it. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One file's bytes, or one folder's names, are on the disk when this returns. */
export function syncToDisk(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** All files and names below a folder, and its own list of names. */
export function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncToDisk(path);
  }
  syncToDisk(folder);
}

/** A folder for its owner alone, with those above it that are not there yet; their names are on the disk. */
export function makeFolder(path: string): void {
  // one after the other: making them all at once never ends where the system lets nobody make any, such as in /proc
  if (!existsSync(path)) {
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
  try {
    syncToDisk(dirname(path));
  } catch (error) {
    // whoever may not read the folder above cannot sync it; its owner made what is in it
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
  }
}
