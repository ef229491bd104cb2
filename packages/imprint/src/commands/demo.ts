/** `imprint demo`: a whole line on this machine, from an empty folder to receipts. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { Child } from '../demo/child.ts';
import { type StartChild, setUpLine } from '../demo/line-setup.ts';
import { workOrder } from '../demo/operators.ts';
import type { DemoOptions } from '../demo/options.ts';
import { Progress } from '../demo/progress.ts';
import { summarize } from '../demo/summary.ts';
import { showProgress } from '../demo/view.ts';
import { ExitCode } from '../run-program.ts';
import { untilStopped } from '../until-stopped.ts';

const defaultLanes = 8;
const maxTrays = 2;
const maxDevices = 100_000;

interface Flags {
  devices: string;
  lanes: string;
  faults: string;
  seed: string;
  home?: string;
  link?: 'pty' | 'tcp';
  keep?: boolean;
  json?: boolean;
}

/** Adds the command `demo`. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('run a whole line on this machine: authority, order, stations, simulated units')
    .option('--devices <n>', 'how many units the order has', '200')
    .option('--lanes <l>', 'how many units are worked on at once', String(defaultLanes))
    .option(
      '--faults <rate>',
      'share of exchanges that are disturbed (noise, resets, power cuts, swaps), 0 to 1',
      '0',
    )
    .option('--seed <s>', 'the units and their faults follow from it', '1')
    .option('--home <dir>', 'where everything is kept (default: imprint-home/demo-<time>)')
    .addOption(
      new Option('--link <kind>', 'pseudo-terminals or TCP (default: pty where socat is there)').choices([
        'pty',
        'tcp',
      ]),
    )
    .option('--keep', 'stay up afterwards, until Control-C')
    .option('--json', 'print one JSON object as the last line')
    .addHelpText('after', '\nExample:\n  npm run demo -- --devices 50 --lanes 4 --faults 0.02')
    .action(async (flags: Flags) => runDemo(readFlags(flags)));
}

async function runDemo(options: DemoOptions): Promise<void> {
  process.stderr.write(
    `A line in ${options.home} (${options.link === 'pty' ? 'pseudo-terminals' : 'TCP'})\n`,
  );
  mkdirSync(options.home, { recursive: true, mode: 0o700 });
  const children: Child[] = [];
  const start: StartChild = (name, args) => {
    const child = new Child(name, args);
    children.push(child);
    return child;
  };
  const stay = { isUp: false };
  const interrupted = new Promise<never>((_, reject) => {
    void untilStopped().then(() => {
      // Where the demo only stays up, this is its proper end.
      if (!stay.isUp) reject(new ExitCode(130));
    });
  });
  try {
    await Promise.race([runLine(options, start, children, stay), interrupted]);
  } finally {
    // The newest first: a station finds its authority still there when it ends.
    for (const child of children.reverse()) await child.stop();
  }
}

async function runLine(
  options: DemoOptions,
  start: StartChild,
  children: Child[],
  stay: { isUp: boolean },
): Promise<void> {
  const line = await setUpLine(options, start, (sentence) => process.stderr.write(`  ${sentence}\n`));
  try {
    const progress = new Progress(options.devices, () => performance.now());
    const stopView = showProgress(progress, process.stderr);
    try {
      await Promise.race([workOrder(line, progress), ...children.map((child) => child.broke)]);
    } finally {
      stopView();
    }
    const { result, ok, text } = await summarize(line, progress, options.home);
    const out = options.json ? process.stderr : process.stdout;
    out.write(text);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    if (options.keep) {
      stay.isUp = true;
      out.write(`It stays up: public listener ${line.publicUrl}. Control-C ends it.\n`);
      await untilStopped();
    }
    if (!ok) throw new ExitCode(1);
  } finally {
    await line.authority.close();
  }
}

function readFlags(flags: Flags): DemoOptions {
  const devices = whole('--devices', flags.devices, maxDevices);
  const lanes = Math.min(whole('--lanes', flags.lanes, limits.lanesPerStation), devices);
  const faults = Number(flags.faults);
  if (!(faults >= 0 && faults <= 1))
    throw new ImprintError('usage', `--faults ${flags.faults} is no share from 0 to 1`, {
      hint: 'For example: --faults 0.02',
    });
  return {
    devices,
    lanes,
    trays: maxTrays,
    faults,
    seed: flags.seed,
    home: newHome(flags.home),
    link: flags.link ?? (hasSocat() ? 'pty' : 'tcp'),
    keep: flags.keep === true,
    json: flags.json === true,
  };
}

function newHome(named: string | undefined): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, '').slice(0, 15);
  const home = resolve(named ?? `imprint-home/demo-${stamp}`);
  if (existsSync(home) && readdirSync(home).length > 0) {
    throw new ImprintError('home_exists', `${home} is not empty`, {
      hint: 'Name a new folder with --home, or leave --home away.',
    });
  }
  return home;
}

function hasSocat(): boolean {
  return spawnSync('socat', ['-V'], { stdio: 'ignore' }).status === 0;
}

function whole(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new ImprintError('usage', `${flag} ${text} is no number from 1 to ${most}`, {
    hint: `For example: ${flag} 10`,
  });
}
