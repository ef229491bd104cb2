/** `npm run bench`: measures issuing and a unit's time on a lane on this machine, on real parts and a real disk. */
import { mkdirSync, rmSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { computeByOpenssl } from 'imprint/compute-by-openssl';
import { type BenchHome, makeBenchHome } from './bench-home.ts';
import { type IssuingPlan, measureIssuing } from './issuing-rounds.ts';
import { measureLanes } from './lane-rounds.ts';
import { type Report, type ReportPart, reportJson, reportText } from './report.ts';

const help = `Usage: npm run bench -- [--json] [--quick] [--only issuing|lane] [--home DIR] [--keep]

Measures durable issuing (in process and over mTLS, against openssl and cfssl) and what station and authority
add to a unit's own time on a lane. It takes about four minutes; --quick takes one and says less.

  --json    print one JSON object as the last line
  --quick   fewer rounds of fewer certificates
  --only    one of the two parts
  --home    where the authority is made; a folder on the disk that is to be measured
            (default: imprint-home/bench-<time>)
  --keep    leave that folder there

Example:
  npm run bench -- --quick --json
`;

const plans: Record<'quick' | 'full', IssuingPlan & { laneRounds: number }> = {
  quick: { rounds: 3, units: 2_000, opensslSeconds: 1, laneRounds: 2 },
  full: { rounds: 5, units: 8_000, opensslSeconds: 3, laneRounds: 7 },
};

const options = {
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  only: { type: 'string' },
  home: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

function readFlags() {
  const { values } = parseArgs({ options });
  const { only } = values;
  if (only !== undefined && only !== 'issuing' && only !== 'lane') {
    throw new TypeError(`--only is issuing or lane, not ${only}`);
  }
  return { ...values, only };
}

async function run(flags: ReturnType<typeof readFlags>): Promise<Report> {
  const begunMs = performance.now();
  const say = (sentence: string) =>
    process.stderr.write(`${((performance.now() - begunMs) / 1000).toFixed(0).padStart(4)} s  ${sentence}\n`);
  const stamp = new Date().toISOString().replace(/[-:]/g, '').slice(0, 15);
  const folder = resolve(flags.home ?? join('imprint-home', `bench-${stamp}`));
  const { laneRounds, ...plan } = plans[flags.quick ? 'quick' : 'full'];
  const report: Report = {
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      node: process.versions.node,
      loadBefore: loadavg()[0]!,
    },
    quick: flags.quick,
    rows: [],
    ratios: [],
    reach: [],
    leftOut: [],
  };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    // an authority each: the jobs that wait for their certificates hold all lanes of their station
    if (flags.only !== 'lane') {
      merge(
        report,
        await withHome(join(folder, 'issuing'), say, (home) => measureIssuing(home, folder, plan, say)),
      );
    }
    if (flags.only !== 'issuing') {
      merge(
        report,
        await withHome(join(folder, 'lane'), say, (home) => measureLanes(home, folder, laneRounds, say)),
      );
    }
  } finally {
    if (!flags.keep) rmSync(folder, { recursive: true, force: true });
  }
  return report;
}

async function withHome<T>(
  folder: string,
  say: (sentence: string) => void,
  measure: (home: BenchHome) => Promise<T>,
): Promise<T> {
  say(`an authority in ${folder}`);
  const home = await makeBenchHome(folder);
  try {
    return await measure(home);
  } finally {
    await home.authority.close();
  }
}

function merge(report: Report, part: ReportPart): void {
  report.rows.push(...part.rows);
  report.ratios.push(...part.ratios);
  report.reach.push(...part.reach);
  report.leftOut.push(...part.leftOut);
}

// as every program of ours does when it starts
computeByOpenssl();
let flags: ReturnType<typeof readFlags> | undefined;
try {
  flags = readFlags();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${help}`);
  process.exitCode = 2;
}
if (flags?.help) {
  process.stdout.write(help);
} else if (flags) {
  const report = await run(flags);
  const out = flags.json ? process.stderr : process.stdout;
  out.write(`\n${reportText(report)}`);
  if (flags.json) process.stdout.write(`${reportJson(report)}\n`);
}
