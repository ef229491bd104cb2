/** A folder that gets its name last: under that name it is whole or not there, wherever its making is broken off. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ImprintError } from '@imprint/contract/errors';
import { makeFolder, syncToDisk, syncTree } from '../sync-to-disk.ts';

export interface FolderInWork {
  /** Where it is filled; mode 0700. */
  folder: string;
  /** Brings all of it to the disk, and then gives it its name. @throws home_exists where somebody else was first */
  finish(): void;
  /** Clears away what is not finished. */
  abandon(): void;
}

/**
 * Begins a folder that will be `path`; what an earlier one left unfinished there is cleared away.
 * @param mayHold what stands in an unfinished one: a folder that holds anything else is somebody's, and is refused
 * @throws home_exists where there is such a folder and it is not empty; path_refused
 */
export function beginFolder(path: string, mayHold: readonly string[]): FolderInWork {
  const final = resolve(path);
  const draft = `${final}.unfinished`;
  requireFree(final);
  clear(draft, mayHold);
  try {
    makeFolder(dirname(final));
    mkdirSync(draft, { mode: 0o700 });
  } catch (cause) {
    throw new ImprintError('path_refused', `${final} cannot be made: ${(cause as Error).message}`, {
      hint: 'Name a new folder in a place where you may make one.',
      cause,
    });
  }
  const own = statSync(draft).ino;
  return {
    folder: draft,
    finish: () => {
      syncTree(draft);
      if (statSync(draft, { throwIfNoEntry: false })?.ino !== own) throw taken(final);
      requireFree(final);
      renameSync(draft, final);
      syncToDisk(dirname(final));
    },
    abandon: () => {
      if (statSync(draft, { throwIfNoEntry: false })?.ino === own) rmSync(draft, { recursive: true });
    },
  };
}

function requireFree(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined || (found.isDirectory() && readdirSync(folder).length === 0)) return;
  throw taken(folder);
}

function clear(draft: string, mayHold: readonly string[]): void {
  if (!existsSync(draft)) return;
  const strange = readdirSync(draft).find((name) => !mayHold.includes(name));
  if (strange !== undefined) {
    throw new ImprintError('path_refused', `${draft} holds ${strange}, which is none of ours`, {
      hint: `Name another folder, or look at that one and take it away: it stands where ${basename(draft)} is made.`,
    });
  }
  rmSync(draft, { recursive: true });
}

function taken(folder: string): ImprintError {
  return new ImprintError('home_exists', `${folder} is there already`, {
    hint: 'Name a new folder: nothing is ever written over another one.',
  });
}
