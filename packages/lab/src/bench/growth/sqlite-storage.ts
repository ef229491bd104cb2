/** Growth in a file: an authority as `imprint init` makes it, filled through its own ledger. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeBenchHome, openHome } from '../bench-home.ts';
import { fill } from './fill.ts';
import type { GrowthStorage } from './growth-storage.ts';

export const sqliteStorage: GrowthStorage = {
  name: 'sqlite',
  makeHome: (folder) => makeBenchHome(folder),
  removeHome: async (folder) => rmSync(folder, { recursive: true, force: true }),
  async fillHome(folder, devices, say) {
    const authority = join(folder, 'authority');
    const home = existsSync(join(authority, 'imprint.json'))
      ? await openHome(authority)
      : await makeBenchHome(folder);
    let filledASecond: number;
    try {
      filledASecond = await fill(home, devices, say);
    } finally {
      await home.authority.close();
    }
    return { filledASecond, bytesADevice: bytesOnDisk(authority) / devices };
  },
  takeUpHome: () => undefined,
  databaseFolder: async (folder) => dataOf(join(folder, 'authority')),
  close: async () => undefined,
};

const dataOf = (authority: string) => join(authority, 'data');

function bytesOnDisk(authority: string): number {
  const data = dataOf(authority);
  return readdirSync(data).reduce((sum, file) => sum + statSync(join(data, file)).size, 0);
}
