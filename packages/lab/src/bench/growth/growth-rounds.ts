/**
 * What work costs as registry and log grow: authorities of several sizes beside each other, round by round, so that what
 * disturbed one size disturbed all of them.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openHome } from '../bench-home.ts';
import { pairRatios, spreadOf } from '../figures.ts';
import type { GrowthPlot, PlotData } from '../plot.ts';
import type { Ratio, Reach, ReportPart, Row } from '../report.ts';
import { fill } from './fill.ts';
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

const wantedGrowth = 1.25;
const wantedStartUpSeconds = 3;
const wantedOfSha256 = 0.5;
const wantedImport = { ids: 1_000_000, seconds: 60 };

type Measure = keyof ProbeResult | 'startUpSeconds' | 'bytesADevice' | 'importSeconds' | keyof VerifyFigures;
interface VerifyFigures {
  entriesASecond: number;
  megabytesASecond: number;
}

/** One size, with its figures by what was measured. */
interface Sized {
  devices: number;
  folder: string;
  figures: Record<Measure, number[]>;
  /** Null where the home was full before. */
  filledASecond: number | null;
}

const measures: Record<Measure, { name: string; unit: string; note: string; grows?: true }> = {
  issuingMs: {
    name: 'issuing, one after another',
    unit: 'ms',
    note: 'in process: two commits with their fsyncs each, nothing beside it',
    grows: true,
  },
  issuingTogetherMs: {
    name: 'issuing, 64 at once',
    unit: 'ms',
    note: 'in process, time by certificates: many share a commit',
    grows: true,
  },
  byDeviceIdMs: {
    name: 'look-up by device ID',
    unit: 'ms',
    note: 'all that `imprint device show` shows: nine queries, not compiled beforehand',
    grows: true,
  },
  byHardwareUidMs: { name: 'look-up by hardware UID', unit: 'ms', note: 'the device’s row', grows: true },
  bySerialMs: {
    name: 'look-up by serial',
    unit: 'ms',
    note: 'the credential, by the serial alone as `imprint credential revoke` asks',
    grows: true,
  },
  byPublicKeyMs: {
    name: 'look-up by public key',
    unit: 'ms',
    note: 'the credential, by its key’s hash',
    grows: true,
  },
  byCertificateMs: {
    name: 'look-up by certificate',
    unit: 'ms',
    note: 'the credential, by its certificate’s hash',
    grows: true,
  },
  receiptMs: {
    name: 'receipt',
    unit: 'ms',
    note: 'entry, inclusion proof, checkpoint and chain of any device',
    grows: true,
  },
  startUpSeconds: {
    name: 'start-up after a kill',
    unit: 's',
    note: 'imprint serve from its start to the first connection, after another process was killed in the midst of issuing',
  },
  residentMb: { name: 'memory', unit: 'MB', note: 'resident, of the process that did all of this' },
  bytesADevice: {
    name: 'bytes a device',
    unit: 'bytes',
    note: 'all of the database’s files by devices: eight log entries, the tables, their indexes, and six remembered requests',
  },
  entriesASecond: {
    name: 'audit verify, entries',
    unit: 'entries a second',
    note: 'the command, its start included',
  },
  megabytesASecond: {
    name: 'audit verify, bytes',
    unit: 'MB a second',
    note: 'bytes of entries hashed, the same run',
  },
  importSeconds: {
    name: 'import of an order',
    unit: 's',
    note: 'as many IDs as that, into an authority with no other order, in as few files as one file’s limit allows',
  },
};

export async function measureGrowth(
  folder: string,
  plan: GrowthPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const { storage, rounds } = plan;
  const sized: Sized[] = [];
  for (const devices of plan.sizes) {
    const of = join(folder, `${storage.name}-${devices}`);
    const filledASecond = await filledHome(of, devices, storage, say);
    const home = join(of, 'authority');
    const figures = Object.fromEntries(
      Object.keys(measures).map((name) => [name, []]),
    ) as unknown as Sized['figures'];
    // before the rounds add to it
    figures.bytesADevice.push(storage.bytesOnDisk(home) / devices);
    sized.push({ devices, folder: home, figures, filledASecond });
  }
  for (let round = 1; round <= rounds; round++) {
    for (const { devices, folder: home, figures } of sized) {
      say(`growth, ${shown(devices)} devices, round ${round} of ${rounds}`);
      const { issued, lookedUp, receipts } = plan;
      const probed = await runProbe({ home, devices, issued, lookedUp, receipts });
      for (const [name, figure] of Object.entries(probed)) figures[name as keyof ProbeResult].push(figure);
      figures.startUpSeconds.push(await measureStartUp(home));
    }
  }
  const sha256: number[] = [];
  for (const { devices, folder: home, figures } of sized) {
    say(`growth, ${shown(devices)} devices: audit verify, and an import`);
    sha256.push(sha256Rate());
    const { entriesASecond, megabytesASecond } = await measureVerify(home);
    figures.entriesASecond.push(entriesASecond);
    figures.megabytesASecond.push(megabytesASecond);
    figures.importSeconds.push(await importSeconds(join(folder, 'import'), devices, storage));
  }
  return partOf(sized, sha256);
}

/** Makes and fills the home, or fills what a kept one lacks. */
async function filledHome(
  folder: string,
  devices: number,
  storage: GrowthStorage,
  say: (sentence: string) => void,
): Promise<number | null> {
  const authority = join(folder, 'authority');
  say(`an authority of ${shown(devices)} devices in ${folder}`);
  const home = existsSync(authority) ? await openHome(authority) : await storage.makeHome(folder);
  try {
    return await fill(home, devices, say);
  } finally {
    await home.authority.close();
  }
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

function partOf(sized: readonly Sized[], sha256: number[]): ReportPart {
  const rows: Row[] = (Object.keys(measures) as Measure[]).flatMap((measure) =>
    sized.map(({ devices, figures }) => {
      const { name, unit, note } = measures[measure];
      return { name, at: at(devices), unit, figures: figures[measure], note };
    }),
  );
  for (const { devices, filledASecond } of sized) {
    if (filledASecond === null) continue;
    rows.push({
      name: 'filling',
      at: at(devices),
      unit: 'devices a second',
      figures: [filledASecond],
      note: 'through the ledger, 250 devices to a decision; their certificates and signatures are random bytes',
    });
  }
  rows.push({
    name: 'SHA-256',
    unit: 'MB a second',
    figures: sha256,
    note: 'this machine, one core, blocks of 16 KiB',
  });
  const ratios = ratiosOf(sized);
  return {
    rows,
    ratios,
    reach: [...ratios.map(growthReach), ...restReach(sized, sha256)],
    leftOut: [],
    plots: growthPlots(sized, sha256),
  };
}

function ratiosOf(sized: readonly Sized[]): Ratio[] {
  const least = sized[0]!;
  const most = sized.at(-1)!;
  if (least === most) return [];
  return (Object.keys(measures) as Measure[])
    .filter((measure) => measures[measure].grows)
    .map((measure) => ({
      name: `${measures[measure].name}, ${shown(most.devices)} / ${shown(least.devices)} devices`,
      figures: pairRatios(most.figures[measure], least.figures[measure]),
    }));
}

function growthReach({ name, figures }: Ratio): Reach {
  const found = spreadOf(figures).median;
  return { what: name, wanted: `at most ${wantedGrowth}`, found, reached: found <= wantedGrowth };
}

function restReach(sized: readonly Sized[], sha256: readonly number[]): Reach[] {
  const { devices, figures } = sized.at(-1)!;
  const startUp = spreadOf(figures.startUpSeconds).median;
  const ofSha256 = spreadOf(pairRatios(figures.megabytesASecond, sha256.slice(-1))).median;
  const reach: Reach[] = [
    {
      what: `seconds of start-up after a kill, ${shown(devices)} devices`,
      wanted: `under ${wantedStartUpSeconds}`,
      found: startUp,
      reached: startUp < wantedStartUpSeconds,
    },
    {
      what: `audit verify by the rate of SHA-256, ${shown(devices)} devices`,
      wanted: `at least ${wantedOfSha256}`,
      found: ofSha256,
      reached: ofSha256 >= wantedOfSha256,
    },
  ];
  const imported = sized.find((each) => each.devices === wantedImport.ids);
  if (imported !== undefined) {
    const found = spreadOf(imported.figures.importSeconds).median;
    const wanted = `at most ${wantedImport.seconds}`;
    const what = `seconds for the import of ${shown(wantedImport.ids)} IDs`;
    reach.push({ what, wanted, found, reached: found <= wantedImport.seconds });
  }
  return reach;
}

function growthPlots(sized: readonly Sized[], sha256: readonly number[]): PlotData[] {
  const line = (measure: Measure, label = measures[measure].name): GrowthPlot['lines'][number] => ({
    label,
    points: sized.map(({ devices, figures }) => ({ devices, figures: figures[measure] })),
  });
  const plot = (name: string, title: string, unit: string, lines: GrowthPlot['lines']): PlotData => ({
    kind: 'growth',
    name,
    title,
    unit,
    lines,
  });
  const growing = (Object.keys(measures) as Measure[]).filter((measure) => measures[measure].grows);
  const hashing = {
    label: 'SHA-256, one core',
    points: sized.map(({ devices }, at) => ({ devices, figures: [sha256[at]!] })),
  };
  return [
    plot(
      'growth-time',
      'What one piece of work takes as the registry grows',
      'milliseconds',
      growing.map((measure) => line(measure)),
    ),
    plot('growth-long', 'What takes seconds as the registry grows', 'seconds', [
      line('startUpSeconds'),
      line('importSeconds'),
    ]),
    plot('growth-verify', 'How fast the log is verified', 'megabytes of entries a second', [
      line('megabytesASecond'),
      hashing,
    ]),
    plot('growth-disk', 'What a device takes on the disk', 'bytes', [line('bytesADevice')]),
    plot('growth-memory', 'What an authority takes in memory', 'megabytes', [line('residentMb')]),
  ];
}

function at(devices: number): string {
  return `${shown(devices)} devices`;
}

function shown(devices: number): string {
  return devices.toLocaleString('en');
}
