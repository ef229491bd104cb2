/** What growth is told as: a row for each measure, size and storage, ratios of the largest by the smallest, and plots. */
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
  | 'sha256'
  | keyof VerifyRate;

/** One size on one storage, with its figures by what was measured. */
export interface Sized {
  devices: number;
  storage: string;
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
      note: 'all that `imprint device show` shows: seven queries',
      growth: 'limited',
    },
    byHardwareUidMs: {
      name: 'look-up by hardware UID',
      unit: 'ms',
      note: 'the unit’s row, as a station’s scan asks, and its device’s; before each round the database’s files are read once, from end to end, as a server that runs has them in memory, if they fit into three quarters of it',
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
      note: 'imprint serve from its start to the first connection, after another process was killed in the midst of issuing; the server of PostgreSQL goes on',
    },
    residentMb: {
      name: 'memory',
      unit: 'MB',
      note: 'resident, of the process that did all of this; without the server of PostgreSQL',
    },
    bytesADevice: {
      name: 'bytes a device',
      unit: 'bytes',
      note: 'all of the database’s files (PostgreSQL: pg_database_size, without its write-ahead log) by devices, right after filling: eight log entries, the tables, their indexes, and six remembered requests',
    },
    filledASecond: {
      name: 'filling',
      unit: 'devices a second',
      note: 'through the ledger, 250 devices to a decision; their certificates and signatures are random bytes; PostgreSQL: up to 1,000 more devices, in an authority of that size that was moved there from a file',
    },
    entriesASecond: {
      name: 'audit verify, entries',
      unit: 'entries a second',
      note: 'the command, its start included',
    },
    megabytesASecond: {
      name: 'audit verify, bytes',
      unit: 'MB a second',
      note: 'bytes of entries hashed (by the mean of 25,000 of them, all over the log), the same run',
    },
    sha256: { name: 'SHA-256', unit: 'MB a second', note: 'this machine, one core, blocks of 16 KiB' },
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

export function growthPart(sized: readonly Sized[], storages: readonly string[]): ReportPart {
  const all = Object.keys(measures) as Measure[];
  const measured = all.filter((measure) => sized.every(({ figures }) => figures[measure].length > 0));
  const rows: Row[] = measured.flatMap((measure) =>
    sized.map(({ devices, storage, figures }) => {
      const { name, unit, note } = measures[measure];
      return { name, at: `${shown(devices)} devices, ${storage}`, unit, figures: figures[measure], note };
    }),
  );
  const series = storages.map((storage) => sized.filter((each) => each.storage === storage));
  const limited = growing.filter((measure) => measures[measure].growth === 'limited');
  return {
    rows,
    ratios: series.flatMap((sizes) => ratiosOf(sizes, growing)),
    reach: series.flatMap((sizes) => [...ratiosOf(sizes, limited).map(growthReach), ...restReach(sizes)]),
    leftOut: [],
    plots: growthPlots(series),
  };
}

/** `sizes`: of one storage. */
function ratiosOf(sizes: readonly Sized[], of: readonly Measure[]): Ratio[] {
  const least = sizes[0]!;
  const most = sizes.at(-1)!;
  if (least === most) return [];
  return of.map((measure) => ({
    name: `${measures[measure].name}, ${most.storage}, ${shown(most.devices)} / ${shown(least.devices)} devices`,
    figures: pairRatios(most.figures[measure], least.figures[measure]),
  }));
}

function growthReach({ name, figures }: Ratio): Reach {
  const found = spreadOf(figures).median;
  return { what: name, wanted: `at most ${wantedGrowth}`, found, reached: found <= wantedGrowth };
}

function restReach(sizes: readonly Sized[]): Reach[] {
  const { devices, storage, figures } = sizes.at(-1)!;
  const startUp = spreadOf(figures.startUpSeconds).median;
  const reach: Reach[] = [
    {
      what: `seconds of start-up after a kill, ${storage}, ${shown(devices)} devices`,
      wanted: `under ${wantedStartUpSeconds}`,
      found: startUp,
      reached: startUp < wantedStartUpSeconds,
    },
  ];
  if (figures.megabytesASecond.length > 0) {
    const found = spreadOf(pairRatios(figures.megabytesASecond, figures.sha256)).median;
    const what = `audit verify by the rate of SHA-256, ${storage}, ${shown(devices)} devices`;
    reach.push({ what, wanted: `at least ${wantedOfSha256}`, found, reached: found >= wantedOfSha256 });
  }
  const imported = sizes.find((each) => each.devices === wantedImport.ids);
  if (imported !== undefined) {
    const found = spreadOf(imported.figures.importSeconds).median;
    const wanted = `at most ${wantedImport.seconds}`;
    const what = `seconds for the import of ${shown(wantedImport.ids)} IDs, ${storage}`;
    reach.push({ what, wanted, found, reached: found <= wantedImport.seconds });
  }
  return reach;
}

/** `series`: the sizes of each storage. Time has a plot for each, since its lines are many. */
function growthPlots(series: readonly (readonly Sized[])[]): PlotData[] {
  const lineOf = (sizes: readonly Sized[], measure: Measure, label: string) => ({
    label,
    points: sizes.map(({ devices, figures }) => ({ devices, figures: figures[measure] })),
  });
  const lines = (measure: Measure): GrowthPlot['lines'] =>
    series.map((sizes) => lineOf(sizes, measure, `${measures[measure].name}, ${sizes[0]!.storage}`));
  const plot = (name: string, title: string, unit: string, lines: GrowthPlot['lines']): PlotData => ({
    kind: 'growth',
    name,
    title,
    unit,
    lines,
  });
  const hasVerified = series.flat().every(({ figures }) => figures.megabytesASecond.length > 0);
  const verifying = plot('growth-verify', 'How fast the log is verified', 'megabytes of entries a second', [
    ...lines('megabytesASecond'),
    lineOf(series[0]!, 'sha256', 'SHA-256, one core'),
  ]);
  return [
    ...series.map((sizes) =>
      plot(
        `growth-time-${sizes[0]!.storage}`,
        `What one piece of work takes as the registry grows (${sizes[0]!.storage})`,
        'milliseconds',
        growing.map((measure) => lineOf(sizes, measure, measures[measure].name)),
      ),
    ),
    plot('growth-long', 'What takes seconds as the registry grows', 'seconds', [
      ...lines('startUpSeconds'),
      ...lines('importSeconds'),
    ]),
    ...(hasVerified ? [verifying] : []),
    plot('growth-disk', 'What a device takes on the disk', 'bytes', lines('bytesADevice')),
    plot('growth-memory', 'What an authority takes in memory', 'megabytes', lines('residentMb')),
  ];
}

/** A number of devices, for people. */
export function shown(devices: number): string {
  return devices.toLocaleString('en');
}
