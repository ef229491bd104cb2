/** `npm run lab`: whole simulated factories, many or one. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { possibleCells } from './catalogue.ts';
import { runFactory } from './factory.ts';
import { tellFailure } from './failure.ts';
import { coverageText, reportJson, verdictText, violationsText } from './report.ts';
import { runSeeds } from './run-seeds.ts';
import { factoryOf, seedNames } from './seeds.ts';
import { summaryOf, Totals } from './summary.ts';

interface Options {
  seeds: number;
  fromSeed: number;
  units: number;
  seed?: string;
  only?: ReadonlySet<number>;
  jobs: number;
  verbose?: boolean;
  json?: boolean;
  shrink: boolean;
}

/** From this many boards for each cell on a run fails where one was not met; a smaller one only says which. */
const boardsPerCell = 12;
const plainProgressMs = 10_000;

export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'simulate whole factories under seeds, with faults at every operation, and check every invariant',
    )
    .option('--seeds <n>', 'so many factories', whole, 20)
    .option('--from-seed <n>', 'number of the first', whole, 1)
    .option('--units <n>', 'boards of each factory', whole, 250)
    .option('--seed <name>', 'this one factory alone, as it ran before')
    .option('--only <ids>', 'with --seed: only these faults strike, by number; or none', faultIds)
    .option('--verbose', 'with --seed: tell everything that happens, and shrink nothing')
    .option('--jobs <n>', 'processes side by side', whole, availableParallelism())
    .option('--no-shrink', 'do not look for the short history of a failure')
    .option('--json', 'end with one JSON object')
    .addHelpText(
      'after',
      `
Every fault is tried in every phase of a unit's visit where it can strike. A run of at least ${boardsPerCell * possibleCells.length} boards
fails where one was never tried; a smaller one says so and goes on.

Examples:
  npm run lab -- --seeds 200 --units 500
  npm run lab -- --seed lab-7 --units 250 --verbose`,
    )
    .action(async (options: Options, command: Command) => {
      if (options.seed === undefined && (options.only !== undefined || options.verbose)) {
        command.error('error: --only and --verbose are for one factory: name it with --seed');
      }
      process.exitCode = (await simulate(options)) ? 0 : 1;
    });
}

async function simulate(options: Options): Promise<boolean> {
  const begunMs = performance.now();
  const seconds = () => (performance.now() - begunMs) / 1000;
  const totals = new Totals();
  const out = options.json ? process.stderr : process.stdout;
  if (options.seed !== undefined) await replayOne(options, options.seed, totals, out);
  else {
    const seeds = seedNames(options.fromSeed, options.seeds);
    const progress = new Progress(seeds.length, totals, seconds);
    await runSeeds(seeds, options.units, options.jobs, (summary) => {
      totals.add(summary);
      progress.show();
    });
    progress.end();
    out.write(`${coverageText(totals)}\n`);
  }
  const mustCover = options.seed === undefined && totals.units >= boardsPerCell * possibleCells.length;
  if (options.seed === undefined) out.write(violationsText(totals, options.units));
  const failing = totals.firstToShrink;
  if (failing !== undefined && options.shrink && options.only === undefined && !options.verbose) {
    out.write(`Seed ${failing.seed} is run again until its history is short …\n\n`);
    out.write(`${(await tellFailure(failing.seed, options.units)).join('\n')}\n`);
  }
  out.write(verdictText(totals, seconds()));
  const isCovered = totals.untried.length === 0 && totals.untriedActs.length === 0;
  if (mustCover && !isCovered) {
    out.write('It fails, since a fault or a hostile act was never tried: see NEVER above.\n');
  }
  if (options.json) process.stdout.write(`${reportJson(totals, seconds())}\n`);
  return totals.violations.length === 0 && (isCovered || !mustCover);
}

async function replayOne(
  { units, only, verbose }: Options,
  seed: string,
  totals: Totals,
  out: NodeJS.WritableStream,
): Promise<void> {
  const report = await runFactory({
    ...factoryOf(seed, units),
    ...(only !== undefined && { only }),
    ...(verbose && { tell: (sentence: string) => out.write(`${sentence}\n`) }),
  });
  totals.add(summaryOf(report));
  for (const { invariant, what, atMs } of report.violations) {
    out.write(`${invariant} is broken after ${(atMs / 1000).toFixed(3)} s: ${what}\n`);
  }
}

function faultIds(text: string): Set<number> {
  if (!/^(none|\d{1,9}(,\d{1,9})*)$/.test(text)) {
    throw new InvalidArgumentError('numbers of faults with commas between them, or none');
  }
  return new Set(text === 'none' ? [] : text.split(',').map(Number));
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on');
  return Number(text);
}

/** One line that is written over on a terminal; elsewhere a line now and then. */
class Progress {
  readonly #seeds: number;
  readonly #totals: Totals;
  readonly #seconds: () => number;
  #shownMs = 0;

  constructor(seeds: number, totals: Totals, seconds: () => number) {
    this.#seeds = seeds;
    this.#totals = totals;
    this.#seconds = seconds;
  }

  show(): void {
    const { isTTY } = process.stderr;
    if (!isTTY && this.#seconds() * 1000 - this.#shownMs < plainProgressMs) return;
    this.#shownMs = this.#seconds() * 1000;
    process.stderr.write(isTTY ? `\r${this.#line()}\x1b[K` : `${this.#line()}\n`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }

  #line(): string {
    const { seeds, units, struck, cellsTried, violations } = this.#totals;
    const rate = Math.round(units / this.#seconds());
    return `${seeds} of ${this.#seeds} factories, ${units} boards (${rate}/s), ${struck} faults, ${cellsTried} of ${possibleCells.length} cells, ${violations.length} violations`;
  }
}
