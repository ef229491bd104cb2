/** `npm run lab -- fuzz`: the corpus, then drawn inputs for each target, for a bounded time. */
import { ImprintError } from '@imprint/contract/errors';
import { Command, InvalidArgumentError } from 'commander';
import { corpusOf } from './corpus.ts';
import { reportJson, targetText } from './report.ts';
import { runTarget, type TargetReport } from './run-target.ts';
import { targets } from './targets.ts';
import { watchForStall } from './watch-for-stall.ts';

interface Options {
  seconds: number;
  target?: string;
  seed?: string;
  iterations?: number;
  json?: boolean;
}

export function fuzzCommand(): Command {
  return new Command('fuzz')
    .description('read broken inputs with every parser of foreign bytes, and let OpenSSL judge beside ours')
    .option('--seconds <n>', 'for all targets together', whole, 60)
    .option('--target <name>', `one of ${Object.keys(targets).join(', ')}`)
    .option('--seed <text>', 'draws the same inputs again (default: the time)')
    .option('--iterations <n>', 'so many drawn inputs a target, however long it takes', whole)
    .option('--json', 'end with one JSON object')
    .addHelpText(
      'after',
      `
The corpus is always read first. A failure names the command that shows it again.

Examples:
  npm run lab -- fuzz --seconds 600
  npm run lab -- fuzz --target certificate --seed 7 --iterations 2000`,
    )
    .action(async (options: Options) => {
      process.exitCode = (await fuzz(options)) ? 0 : 1;
    });
}

async function fuzz(options: Options): Promise<boolean> {
  const names = options.target === undefined ? Object.keys(targets) : [options.target];
  const seed = options.seed ?? String(Date.now());
  const out = options.json ? process.stderr : process.stdout;
  const stall = await watchForStall((origin) => `${origin} with seed ${seed} did not come to an end`);
  const reports: TargetReport[] = [];
  out.write(`seed ${seed}\n`);
  for (const name of names) {
    if (!Object.hasOwn(targets, name)) {
      throw new ImprintError('usage', `There is no target ${name}.`, {
        hint: `The targets are ${Object.keys(targets).join(', ')}.`,
      });
    }
    const target = await targets[name]!.make();
    const budget =
      options.iterations === undefined
        ? { seed, iterations: Infinity, untilMs: performance.now() + (options.seconds * 1000) / names.length }
        : { seed, iterations: options.iterations };
    try {
      const report = await runTarget(target, corpusOf(name), budget, stall.told);
      reports.push(report);
      out.write(targetText(report, seed));
    } finally {
      await target.close?.();
    }
  }
  await stall.end();
  if (options.json) process.stdout.write(`${reportJson(reports, seed)}\n`);
  const failed = reports.filter(({ failure }) => failure !== undefined).length;
  const inputs = reports.reduce((sum, report) => sum + report.inputs, 0);
  out.write(
    failed === 0
      ? `${inputs} inputs, and every verdict holds.\n`
      : `${failed} of ${reports.length} targets FAILED.\n`,
  );
  return failed === 0;
}

function whole(text: string): number {
  if (!/^(0|[1-9][0-9]{0,8})$/.test(text)) throw new InvalidArgumentError('a whole number is expected.');
  return Number(text);
}
