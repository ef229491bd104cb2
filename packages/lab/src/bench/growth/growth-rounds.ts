/**
 * What work costs as registry and log grow: authorities of several sizes beside each other, round by round, so that what
 * disturbed one size disturbed all of them.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHome } from '../bench-home.ts';
import type { ReportPart } from '../report.ts';
import { fill } from './fill.ts';
import { growthPart, noFigures, type Sized, shown } from './growth-report.ts';
import type { GrowthStorage } from './growth-storage.ts';
import { measureImport } from './import-order.ts';
import type { ProbeResult } from './probe.ts';
import { runProbe } from './run-probe.ts';
import { measureStartUp } from './start-up.ts';
import { measureVerify, sha256Rate } from './verify-rate.ts';

export interface GrowthPlan {
  storage: GrowthStorage;
  /** Devices, ascending. */
  sizes: readonly number[];
  rounds: number;
  issued: number;
  lookedUp: number;
  receipts: number;
}

export async function measureGrowth(
  folder: string,
  plan: GrowthPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const { storage, rounds } = plan;
  const sized: (Sized & { home: string })[] = [];
  for (const devices of plan.sizes) {
    const of = join(folder, `${storage.name}-${devices}`);
    const filled = await filledHome(of, devices, storage, say);
    const figures = { ...noFigures(), ...filled };
    sized.push({ devices, home: join(of, 'authority'), figures });
  }
  for (let round = 1; round <= rounds; round++) {
    for (const { devices, home, figures } of sized) {
      say(`growth, ${shown(devices)} devices, round ${round} of ${rounds}`);
      const { issued, lookedUp, receipts } = plan;
      const probed = await runProbe({ home, devices, issued, lookedUp, receipts });
      for (const [name, figure] of Object.entries(probed)) figures[name as keyof ProbeResult].push(figure);
      figures.startUpSeconds.push(await measureStartUp(home));
    }
  }
  const sha256: number[] = [];
  for (const { devices, home, figures } of sized) {
    say(`growth, ${shown(devices)} devices: audit verify, and an import`);
    sha256.push(sha256Rate());
    const { entriesASecond, megabytesASecond } = await measureVerify(home);
    figures.entriesASecond.push(entriesASecond);
    figures.megabytesASecond.push(megabytesASecond);
    figures.importSeconds.push(await importSeconds(join(folder, 'import'), devices, storage));
  }
  return growthPart(sized, sha256);
}

type Filled = Pick<Sized['figures'], 'bytesADevice' | 'filledASecond'>;

/** Makes and fills the home, or fills what a kept one lacks; what filling gave is kept beside it, since every round adds to it. */
async function filledHome(
  folder: string,
  devices: number,
  storage: GrowthStorage,
  say: (sentence: string) => void,
): Promise<Filled> {
  say(`an authority of ${shown(devices)} devices in ${folder}`);
  const filledFile = join(folder, 'filled.json');
  if (existsSync(filledFile)) return JSON.parse(readFileSync(filledFile, 'utf8')) as Filled;
  const authority = join(folder, 'authority');
  const home = existsSync(authority) ? await openHome(authority) : await storage.makeHome(folder);
  let filledASecond: number;
  try {
    filledASecond = await fill(home, devices, say);
  } finally {
    await home.authority.close();
  }
  const filled: Filled = {
    bytesADevice: [storage.bytesOnDisk(authority) / devices],
    filledASecond: [filledASecond],
  };
  writeFileSync(filledFile, `${JSON.stringify(filled)}\n`);
  return filled;
}

async function importSeconds(folder: string, count: number, storage: GrowthStorage): Promise<number> {
  const home = await storage.makeHome(folder);
  try {
    return await measureImport(home, count);
  } finally {
    await home.authority.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
