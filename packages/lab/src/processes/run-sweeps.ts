/** All sweeps, or some of them: counts first, draws the points, tries them, and cuts the power on recorded runs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandCase, commandCases } from './command-cases.ts';
import { recordCommand, sweepCommands } from './command-sweep.ts';
import { FaultLine, type Role } from './fault-line.ts';
import { countRole, newLine, sweepLine } from './line-sweep.ts';
import { type Point, pointsOf, type Share, stridedPoints } from './points.ts';
import {
  type CutReport,
  judgeCuts,
  judgeMade,
  readAuthority,
  readCommand,
  readStation,
} from './power-law.ts';
import { seeded } from './seeded.ts';
import { shareOut } from './share-out.ts';
import { Tally } from './tally.ts';
import { trustCases } from './trust-cases.ts';

export const sweeps = ['authority', 'station', 'commands', 'power'] as const;
export type Sweep = (typeof sweeps)[number];

export interface SweepOptions {
  only: readonly Sweep[];
  /** Every so many-th operation of each class. */
  stride: number;
  seed: number;
  /** How many lines, or commands, are at work at once; what is tried does not depend on it. */
  jobs: number;
  /** Of the drawn points, and of what the power is cut in. */
  share: Share;
  /** These instead of drawn ones. */
  points?: readonly Point[];
  /** Hears what is tried, and how many there are. */
  heard(what: string, done: number, of: number): void;
}

export interface SweepReport {
  seed: number;
  stride: number;
  tally: Tally;
  cuts: CutReport[];
}

const roleOf: Partial<Record<Sweep, Role>> = { authority: 'serve', station: 'station' };
const recordedUnits = 2;

export async function runSweeps(options: SweepOptions): Promise<SweepReport> {
  const { seed, stride } = options;
  return withCommands(async (commands) => {
    const line = options.points === undefined && wantsLine(options) ? await newLine() : undefined;
    const points = options.points ?? (await drawPoints(options, line, commands));
    // what was broken by several points together is shown again by the same points on one line, in their order
    const jobs = options.points === undefined ? options.jobs : 1;
    const tally = new Tally(points);
    const report: SweepReport = { seed, stride, tally, cuts: [] };
    let done = 0;
    const heard = (name: string) => options.heard(name, ++done, points.length);
    const [ofLines, ofCommands] = [points.filter(isOfLine), points.filter((point) => !isOfLine(point))];
    // the line that was counted on is the first job's; the others set up their own
    await shareOut(ofLines, jobs, (share, job) =>
      sweepLine(job === 0 ? line : undefined, share, tally, heard),
    );
    await shareOut(ofCommands, jobs, (share) => sweepCommands(commands, share, tally, heard));
    if (options.points === undefined && options.only.includes('power')) {
      report.cuts = await cutEverywhere(options, commands);
    }
    return report;
  });
}

function isOfLine({ part }: Point): boolean {
  return part.includes('/');
}

function wantsLine({ only }: SweepOptions): boolean {
  return only.some((sweep) => roleOf[sweep] !== undefined);
}

async function drawPoints(
  { only, seed, stride, share, heard }: SweepOptions,
  line: FaultLine | undefined,
  commands: CommandCase[],
): Promise<Point[]> {
  const parts = [];
  for (const sweep of only) {
    const role = roleOf[sweep];
    heard(`counting: ${sweep}`, 0, 0);
    if (role !== undefined && line !== undefined) parts.push(...(await countRole(line, role)));
    if (sweep === 'commands') for (const command of commands) parts.push(await recordCommand(command));
  }
  return pointsOf(share, stridedPoints(parts, stride, seeded(seed)));
}

const recordedLives = [
  ['serve', 'serve', 'start'],
  ['station', 'station', 'start'],
  ['station/first', 'station', 'first'],
] as const;

/** Every cut of a station's and an authority's life, of a first start, and of the commands. */
async function cutEverywhere(
  { seed, share: { k, n }, heard }: SweepOptions,
  commands: CommandCase[],
): Promise<CutReport[]> {
  const isOurs = (_: unknown, at: number) => at % n === k - 1;
  return [
    ...(await cutLives(recordedLives.filter(isOurs), seed, heard)),
    ...(await cutCommands(commands.filter(isOurs), seed, heard)),
  ];
}

async function cutLives(
  lives: readonly (typeof recordedLives)[number][],
  seed: number,
  heard: SweepOptions['heard'],
): Promise<CutReport[]> {
  const reports: CutReport[] = [];
  if (lives.length === 0) return reports;
  const line = await FaultLine.start('power', lives.length * recordedUnits);
  try {
    for (const [part, role, from] of lives) {
      heard(`power cuts: ${part}`, 0, 0);
      const recording = { part, ...(await line.record(role, from, recordedUnits)) };
      const read = role === 'serve' ? readAuthority() : readStation();
      reports.push(await judgeCuts(recording, read, seeded(seed)));
    }
  } finally {
    await line.close();
  }
  return reports;
}

async function cutCommands(
  commands: readonly CommandCase[],
  seed: number,
  heard: SweepOptions['heard'],
): Promise<CutReport[]> {
  const reports: CutReport[] = [];
  for (const command of commands) {
    heard(`power cuts: ${command.part}`, 0, 0);
    const recording = await recordCommand(command);
    const report = await judgeCuts(recording, readCommand(command), seeded(seed));
    await judgeMade(command, recording.disk).catch((error: Error) => report.violations.push(error.message));
    reports.push(report);
  }
  return reports;
}

async function withCommands<T>(work: (commands: CommandCase[]) => Promise<T>): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), 'imprint-commands-'));
  const { cases, close } = await commandCases(place);
  try {
    return await work([...cases, ...(await trustCases(join(place, 'trust')))]);
  } finally {
    await close();
    rmSync(place, { recursive: true });
  }
}

/** What is broken, each with how it is tried again. */
export function violationsOf({ tally, cuts, seed }: SweepReport): { message: string; again: string }[] {
  return [
    ...tally.violations.map(({ points, message }) => ({
      message,
      again: `npm run lab -- processes ${points.map((point) => `--point ${point}`).join(' ')}`,
    })),
    ...cuts.flatMap(({ violations }) =>
      violations.map((message) => ({
        message,
        again: `npm run lab -- processes --only power --seed ${seed}`,
      })),
    ),
  ];
}
