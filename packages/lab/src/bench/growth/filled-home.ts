/** A filled authority that is kept: what filling gave stands beside it, since every round that is measured adds to it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Filled, GrowthStorage, Say } from './growth-storage.ts';

/** Fills the authority in `folder`, or takes up one that an earlier run has filled. */
export async function filledHome(
  folder: string,
  devices: number,
  storage: GrowthStorage,
  say: Say,
): Promise<Filled> {
  say(`${storage.name}: an authority of ${devices.toLocaleString('en')} devices in ${folder}`);
  const file = join(folder, 'filled.json');
  if (existsSync(file)) {
    storage.takeUpHome(folder);
    return readFilled(file);
  }
  const filled = await storage.fillHome(folder, devices, say);
  writeFileSync(file, `${JSON.stringify(filled)}\n`);
  return filled;
}

/** Earlier runs have written lists of one figure. */
function readFilled(file: string): Filled {
  const { bytesADevice, filledASecond } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    keyof Filled,
    number | number[]
  >;
  return { bytesADevice: Number(bytesADevice), filledASecond: Number(filledASecond) };
}
