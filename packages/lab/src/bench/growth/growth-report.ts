/** What growth is told as: a row for each measure and size, ratios of the largest by the smallest, and plots. */
import { pairRatios, spreadOf } from '../figures.ts';
import type { GrowthPlot, PlotData } from '../plot.ts';
import type { Ratio, Reach, ReportPart, Row } from '../report.ts';
import type { ProbeResult } from './probe.ts';
import type { VerifyRate } from './verify-rate.ts';

const wantedGrowth = 1.25;
const wantedStartUpSeconds = 3;
const wantedOfSha256 = 0.5;
const wantedImport = { ids: 1_000_000, seconds: 60 };

type Measure =
  | keyof ProbeResult
  | 'filledASecond'
  | 'startUpSeconds'
  | 'bytesADevice'
  | 'importSeconds'
  | keyof VerifyRate;

/** One size, with its figures by what was measured. */
export interface Sized {
  devices: number;
  figures: Record<Measure, number[]>;
}

/** `growth`: whether the ratio of the largest by the smallest is limited, or only shown. */
const measures: Record<Measure, { name: string; unit: string; note: string; growth?: 'limited' | 'shown' }> =
  {
    issuingMs: {
      name: 'issuing, one after another',
      unit: 'ms',
      note: 'in process: two commits with their fsyncs each, nothing beside it',
      growth: 'limited',
    },
    issuingTogetherMs: {
      name: 'issuing, 64 at once',
      unit: 'ms',
      note: 'in process, time by certificates: many share a commit',
      growth: 'limited',
    },
    byDeviceIdMs: {
      name: 'look-up by device ID',
      unit: 'ms',
      note: 'all that `imprint device show` shows: seven queries, not compiled beforehand',
      growth: 'limited',
    },
    byHardwareUidMs: {
      name: 'look-up by hardware UID',
      unit: 'ms',
      note: 'the device’s row',
      growth: 'limited',
    },
    bySerialMs: {
      name: 'look-up by serial',
      unit: 'ms',
      note: 'the credential, by the serial alone as `imprint credential revoke` asks',
      growth: 'limited',
    },
    byPublicKeyMs: {
      name: 'look-up by public key',
      unit: 'ms',
      note: 'the credential, by its key’s hash',
      growth: 'limited',
    },
    byCertificateMs: {
      name: 'look-up by certificate',
      unit: 'ms',
      note: 'the credential, by its certificate’s hash',
      growth: 'limited',
    },
    receiptMs: {
      name: 'receipt',
      unit: 'ms',
      note: 'entry, inclusion proof, checkpoint and chain of any device',
      growth: 'shown',
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
      note: 'all of the database’s files by devices, right after filling: eight log entries, the tables, their indexes, and six remembered requests',
    },
    filledASecond: {
      name: 'filling',
      unit: 'devices a second',
      note: 'through the ledger, 250 devices to a decision; their certificates and signatures are random bytes',
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

const growing = (Object.keys(measures) as Measure[]).filter(
  (measure) => measures[measure].growth !== undefined,
);

/** A size of which nothing was measured yet. */
export function noFigures(): Sized['figures'] {
  return Object.fromEntries(Object.keys(measures).map((name) => [name, []])) as unknown as Sized['figures'];
}

/** `sha256`: this machine's rate, taken beside each size. */
export function growthPart(sized: readonly Sized[], sha256: number[]): ReportPart {
  const rows: Row[] = (Object.keys(measures) as Measure[]).flatMap((measure) =>
    sized.map(({ devices, figures }) => {
      const { name, unit, note } = measures[measure];
      return { name, at: at(devices), unit, figures: figures[measure], note };
    }),
  );
  rows.push({
    name: 'SHA-256',
    unit: 'MB a second',
    figures: sha256,
    note: 'this machine, one core, blocks of 16 KiB',
  });
  const limited = growing.filter((measure) => measures[measure].growth === 'limited');
  return {
    rows,
    ratios: ratiosOf(sized, growing),
    reach: [...ratiosOf(sized, limited).map(growthReach), ...restReach(sized, sha256)],
    leftOut: [],
    plots: growthPlots(sized, sha256),
  };
}

function ratiosOf(sized: readonly Sized[], of: readonly Measure[]): Ratio[] {
  const least = sized[0]!;
  const most = sized.at(-1)!;
  if (least === most) return [];
  return of.map((measure) => ({
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

/** A number of devices, for people. */
export function shown(devices: number): string {
  return devices.toLocaleString('en');
}
