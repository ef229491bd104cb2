/** The storages on which growth is measured: how an authority is made on each, and what it takes on the disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type AuthorityHome, makeBenchHome } from '../bench-home.ts';

export interface GrowthStorage {
  name: string;
  /** Makes an authority with one enrolled station in `folder`/authority. */
  makeHome(folder: string): Promise<AuthorityHome>;
  bytesOnDisk(home: string): number;
}

const sqlite: GrowthStorage = {
  name: 'sqlite',
  makeHome: makeBenchHome,
  bytesOnDisk: (home) => {
    const data = join(home, 'data');
    return readdirSync(data).reduce((sum, file) => sum + statSync(join(data, file)).size, 0);
  },
};

/** By name; another storage is one more of these. */
export const growthStorages: readonly GrowthStorage[] = [sqlite];
