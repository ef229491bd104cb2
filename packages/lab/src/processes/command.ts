/** `npm run lab -- processes`: real processes under faults of their system calls, with a table of what came of each. */

import { availableParallelism } from 'node:os';
import { isImprintError } from '@imprint/contract/errors';
import { Command, InvalidArgumentError, Option } from 'commander';
import { table } from 'imprint/say';
import { type Point, parsePoint, parseShare, type Share } from './points.ts';
import { runSweeps, type Sweep, type SweepReport, sweeps, violationsOf } from './run-sweeps.ts';

interface Options {
  every: number;
  seed: number;
  jobs: number;
  share: Share;
  only: Sweep[];
  point: Point[];
  json?: boolean;
}

const defaultStride = 20;
const linesEvery = 25;

/** The lab's command; its exit code is 1 where a promise was broken. */
export function processesCommand(): Command {
  return new Command('processes')
    .description('real processes whose system calls fail, which are killed, and whose disk loses power')
    .option('--every <n>', 'try each n-th operation of a class (1: all of them)', wholeNumber, defaultStride)
    .option('--seed <n>', 'where to begin counting, and what a power cut leaves', wholeNumber, 1)
    .addOption(
      new Option('--only <part>', 'one part, may be repeated (default: all)')
        .argParser(collectSweep)
        .default([] as Sweep[], 'all'),
    )
    .option(
      '--point <point>',
      'this point alone, as it was printed; several are tried in turn on one line',
      collectPoint,
      [],
    )
    .addOption(
      new Option('--jobs <n>', 'so many lines, or commands, are struck at once')
        .argParser(wholeNumber)
        .default(availableParallelism(), 'one a core'),
    )
    .addOption(
      new Option('--share <k>/<n>', 'the k-th of n shares, which n runs make up together')
        .argParser(readShare)
        .default({ k: 1, n: 1 } satisfies Share, 'all')
        .conflicts('point'),
    )
    .option('--json', 'print one JSON object at the end')
    .addHelpText(
      'after',
      `
A point is process or command, phase, class and number of the operation, and the fault: station/work/sync:12/eio.
Parts:   ${sweeps.join(', ')}
Faults:  killed before or after the operation; EIO; ENOSPC; half of the bytes taken; a connection reset; power cut:
         what was not synced is gone; lost: the sync failed and what it was to keep is gone.
On two cores --every ${defaultStride} takes seven minutes, --every 1 (some 7000 points) more than an hour. More jobs than cores
are of use, since a line often waits: with --jobs 5 it is an hour. The shares 1/4 to 4/4 are the whole. It needs Linux and gcc.

Examples:
  npm run lab -- processes --only station --every 5 --seed 7
  npm run lab -- processes --every 1 --jobs 4 --share 1/4`,
    )
    .action(async (options: Options) => {
      const report = await runSweeps({
        only: options.only.length > 0 ? options.only : sweeps,
        stride: options.every,
        seed: options.seed,
        jobs: options.jobs,
        share: options.share,
        ...(options.point.length > 0 && { points: options.point }),
        heard: showProgress(process.stderr),
      });
      const violations = violationsOf(report);
      process.stdout.write(options.json ? `${JSON.stringify(asJson(report))}\n` : asText(report));
      if (violations.length > 0) process.exitCode = 1;
    });
}

function asJson(report: SweepReport): object {
  return {
    seed: report.seed,
    every: report.stride,
    tried: report.tally.tried,
    points: report.tally.rows(),
    power_cuts: report.cuts.map(({ part, cuts, images, sends }) => ({ part, cuts, images, sends })),
    violations: violationsOf(report),
  };
}

function asText(report: SweepReport): string {
  const violations = violationsOf(report);
  const lines: string[] = [];
  if (report.tally.tried > 0) {
    const rows = report.tally.rows().map(({ part, class: name, fault, outcomes }) => [
      ...[part, name, fault],
      Object.entries(outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', '),
    ]);
    lines.push(...table([['PART', 'OPERATION', 'FAULT', 'CAME TO'], ...rows]), '');
  }
  if (report.cuts.length > 0) {
    const rows = report.cuts.map(({ part, cuts, images, sends }) => [part, cuts, images, sends]);
    lines.push(...table([['POWER CUT IN', 'CUTS', 'DISKS READ', 'SENDS HELD'], ...rows]), '');
  }
  for (const { message, again } of violations) lines.push(`BROKEN ${message}`, `  try it again: ${again}`);
  const cuts = report.cuts.reduce((sum, cut) => sum + cut.cuts, 0);
  lines.push(
    `${report.tally.tried} faults and ${cuts} power cuts, seed ${report.seed}: ${
      violations.length === 0 ? 'every promise held' : `${violations.length} broken`
    }`,
  );
  return `${lines.join('\n')}\n`;
}

/** One line that changes on a terminal; a line now and then elsewhere. */
function showProgress(out: NodeJS.WriteStream): (what: string, done: number, of: number) => void {
  return (what, done, of) => {
    const text = of === 0 ? what : `${done}/${of} ${what}`;
    if (out.isTTY) out.write(`\r\u001b[K${text}${done === of && of > 0 ? '\n' : ''}`);
    else if (of === 0 || done % linesEvery === 1) out.write(`${text}\n`);
  };
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return Number(text);
}

function collectSweep(text: string, before: Sweep[]): Sweep[] {
  const sweep = sweeps.find((one) => one === text);
  if (sweep === undefined) throw new InvalidArgumentError(`It is one of ${sweeps.join(', ')}.`);
  return [...before, sweep];
}

function readShare(text: string): Share {
  return orInvalid(() => parseShare(text));
}

function collectPoint(text: string, before: Point[]): Point[] {
  return orInvalid(() => [...before, parsePoint(text)]);
}

/** Commander tells a refusal with the option's name. */
function orInvalid<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isImprintError(error, 'usage')) throw error;
    throw new InvalidArgumentError(error.hint!);
  }
}
