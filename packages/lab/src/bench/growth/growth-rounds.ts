/**
 * What work costs as registry and log grow: authorities of several sizes, on each storage, beside each other, round by round,
 * so that what disturbed one disturbed all of them.
 */
import { join } from 'node:path';
import { installedPostgres } from '@imprint/authority/storage/postgres/server-process.test-kit';
import type { ReportPart } from '../report.ts';
import { filledHome } from './filled-home.ts';
import { growthPart, noFigures, type Sized, shown } from './growth-report.ts';
import {
  type GrowthStorage,
  openStorages,
  type Say,
  type StorageName,
  withNewHome,
} from './growth-storage.ts';
import { measureImport } from './import-order.ts';
import type { ProbeResult } from './probe.ts';
import { runProbe } from './run-probe.ts';
import { measureStartUp } from './start-up.ts';
import { measureVerify, sha256Rate } from './verify-rate.ts';
import { readIntoMemory } from './warm-up.ts';

export interface GrowthPlan {
  storages: readonly StorageName[];
  /** Devices, ascending. */
  sizes: readonly number[];
  rounds: number;
  issued: number;
  lookedUp: number;
  receipts: number;
  /** Whether `audit verify` runs on each: at a million devices it takes a quarter of an hour. */
  verify: boolean;
}

/** A storage that is not installed here is left out where there is another. */
export async function measureGrowth(folder: string, plan: GrowthPlan, say: Say): Promise<ReportPart> {
  const hasServer = installedPostgres() !== undefined || plan.storages.length === 1;
  const names = plan.storages.filter((name) => hasServer || name !== 'postgres');
  const leftOut = [
    ...(hasServer ? [] : ["growth on PostgreSQL: install Debian's package postgresql"]),
    ...(plan.verify ? [] : ['audit verify, as --no-verify says']),
  ];
  const storages = await openStorages(folder, names);
  try {
    return { ...growthPart(await measureOn(storages, folder, plan, say), names), leftOut };
  } finally {
    for (const storage of storages) await storage.close();
  }
}

/** An authority of one size on one storage. */
interface FilledSize extends Sized {
  on: GrowthStorage;
  /** Where `on` has it; the authority's home is in it. */
  place: string;
  home: string;
}

async function measureOn(
  storages: readonly GrowthStorage[],
  folder: string,
  plan: GrowthPlan,
  say: Say,
): Promise<Sized[]> {
  const sized: FilledSize[] = [];
  for (const devices of plan.sizes) {
    for (const on of storages) {
      const place = join(folder, `${on.name}-${devices}`);
      const { bytesADevice, filledASecond } = await filledHome(place, devices, on, say);
      const figures = { ...noFigures(), bytesADevice: [bytesADevice], filledASecond: [filledASecond] };
      sized.push({ devices, storage: on.name, on, place, home: join(place, 'authority'), figures });
    }
  }
  for (let round = 1; round <= plan.rounds; round++) {
    for (const each of sized) {
      say(`growth, ${nameOf(each)}, round ${round} of ${plan.rounds}`);
      await measureRound(each, plan, say);
    }
  }
  for (const each of sized) {
    say(`growth, ${nameOf(each)}: ${plan.verify ? 'audit verify, and ' : ''}an import`);
    await measureOnce(each, plan.verify, join(folder, 'import'));
  }
  return sized;
}

async function measureRound(
  { home, devices, figures, on, place }: FilledSize,
  { issued, lookedUp, receipts }: GrowthPlan,
  say: Say,
): Promise<void> {
  // the authorities beside it, and those who fill them, have taken its place
  if (!readIntoMemory(await on.databaseFolder(place))) say('it is larger than memory, and stays on the disk');
  const probed = await runProbe({ home, devices, issued, lookedUp, receipts });
  for (const [name, figure] of Object.entries(probed)) figures[name as keyof ProbeResult].push(figure);
  figures.startUpSeconds.push(await measureStartUp(home));
}

/** What takes long at the largest size, and hardly differs from one time to the next. */
async function measureOnce(
  { home, devices, figures, on }: FilledSize,
  verify: boolean,
  folder: string,
): Promise<void> {
  figures.sha256.push(sha256Rate());
  if (verify) {
    const { entriesASecond, megabytesASecond } = await measureVerify(home);
    figures.entriesASecond.push(entriesASecond);
    figures.megabytesASecond.push(megabytesASecond);
  }
  figures.importSeconds.push(await withNewHome(on, folder, (fresh) => measureImport(fresh, devices)));
}

const nameOf = ({ storage, devices }: Sized) => `${storage}, ${shown(devices)} devices`;
