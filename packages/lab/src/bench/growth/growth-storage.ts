/** The storages on which growth is measured: how an authority is made and filled on each, and what it takes on the disk. */
import { rmSync } from 'node:fs';
import type { AuthorityHome } from '../bench-home.ts';
import { openPostgresStorage } from './postgres-storage.ts';
import { sqliteStorage } from './sqlite-storage.ts';

/** What filling gives. */
export interface Filled {
  bytesADevice: number;
  filledASecond: number;
}

export type Say = (sentence: string) => void;

/** A folder holds one authority, in `folder`/authority. */
export interface GrowthStorage {
  readonly name: string;
  /** Makes an authority with one enrolled station, and leaves it open. */
  makeHome(folder: string): Promise<AuthorityHome>;
  /** Takes away what {@link makeHome} made; the authority is closed. */
  removeHome(folder: string): Promise<void>;
  /** Makes and fills the authority, or fills what one that was begun lacks. */
  fillHome(folder: string, devices: number, say: Say): Promise<Filled>;
  /** Makes an authority that was filled in an earlier run ready to be opened. */
  takeUpHome(folder: string): void;
  /** The folder of the files that hold the database of the authority in `folder`, with whatever else is in it. */
  databaseFolder(folder: string): Promise<string>;
  close(): Promise<void>;
}

export const storageNames = ['sqlite', 'postgres'] as const;
export type StorageName = (typeof storageNames)[number];

/** Opens those storages whose authorities stand in `folder`; a server that one of them needs runs until it is closed. */
export async function openStorages(folder: string, names: readonly StorageName[]): Promise<GrowthStorage[]> {
  const opened: GrowthStorage[] = [];
  for (const name of names) {
    opened.push(name === 'sqlite' ? sqliteStorage : await openPostgresStorage(folder));
  }
  return opened;
}

/** Makes an authority of no devices, works on it, and takes it away. */
export async function withNewHome<T>(
  storage: GrowthStorage,
  folder: string,
  work: (home: AuthorityHome) => Promise<T>,
): Promise<T> {
  rmSync(folder, { recursive: true, force: true });
  const home = await storage.makeHome(folder);
  try {
    return await work(home);
  } finally {
    await home.authority.close();
    await storage.removeHome(folder);
  }
}
