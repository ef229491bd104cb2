/** `npm run bench`: measures on this machine, on real parts and a real disk, and writes results with their plots. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { limits } from '@imprint/contract/limits';
import { computeByOpenssl } from 'imprint/compute-by-openssl';
import { withBenchHome } from './bench-home.ts';
import { measureGrowth } from './growth/growth-rounds.ts';
import { storageNames } from './growth/growth-storage.ts';
import { measureHsm } from './hsm-rounds.ts';
import { measureIssuing } from './issuing-rounds.ts';
import { measureJobs } from './job-rounds.ts';
import { measureLanes } from './lane-rounds.ts';
import { measureLine } from './line-rounds.ts';
import { type Report, type ReportPart, reportJson, reportText } from './report.ts';
import { writeResults } from './results.ts';
import { measureRevocation } from './revocation-rounds.ts';
import { programVersions, repository, thisCommit, thisMachine } from './surroundings.ts';

const partNames = ['issuing', 'job', 'lane', 'line', 'revocation', 'growth', 'hsm'] as const;
type PartName = (typeof partNames)[number];

const help = `Usage: npm run bench -- [--only PART] [--quick] [--json] [--home DIR] [--keep]
                            [--sizes N,N,…] [--storage NAME] [--no-verify]

Parts:
  issuing   certificates a second in process and over mTLS, beside openssl and cfssl
  job       whole units a second, from opening to receipt, and the time of each request
  lane      what station and authority add to a unit's own time on a lane
  line      the same with sixteen lanes at work at once
  revocation CRLs over a million revocations, one more of them, OCSP beside a static file
  growth    issuing, look-ups, receipts, start-up, verifying and disk as the registry grows
  hsm       signatures a second of a key in a token (SoftHSM2), beside plain calls of its library,
            and issuing with it

Every figure goes to bench/results/PART.json, with plots and a page (bench/results/README.md).

  --only    one of the parts
  --quick   fewer rounds of fewer certificates; the results go to bench/quick
  --json    print one JSON object as the last line
  --home    where authorities are made; a folder on the disk that is to be measured
            (default: imprint-home/bench-<time>)
  --keep    leave that folder there; one that was there before is never removed
  --sizes   of growth: how many devices (default: 1000,100000). A million takes long to fill and
            some 12 GB on each storage; growth takes up a kept folder again
  --storage of growth: ${storageNames.join(', ')} or both (default: both)
  --no-verify of growth: without audit verify, which takes a quarter of an hour at a million devices

Examples:
  npm run bench -- --only issuing --quick
  npm run bench -- --only growth --sizes 1000,100000,1000000 --home line/growth --keep
`;

const options = {
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  only: { type: 'string' },
  home: { type: 'string' },
  keep: { type: 'boolean', default: false },
  sizes: { type: 'string' },
  storage: { type: 'string', default: 'both' },
  'no-verify': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

type Flags = ReturnType<typeof readFlags>;

function readFlags() {
  const { values } = parseArgs({ options });
  const only = partNames.find((name) => name === values.only);
  if (values.only !== undefined && only === undefined) {
    throw new TypeError(`--only is one of ${partNames.join(', ')}, not ${values.only}`);
  }
  const storages = storageNames.filter((name) => [name, 'both'].includes(values.storage));
  if (storages.length === 0) throw new TypeError(`there is no storage ${values.storage}`);
  const sizes = (values.sizes ?? (values.quick ? '100,1000' : '1000,100000')).split(',').map(Number);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0 && size <= limits.orderQuantity)) {
    throw new TypeError(`--sizes are whole numbers from 1 to ${limits.orderQuantity}, with commas between`);
  }
  return { ...values, only, storages, sizes: sizes.sort((a, b) => a - b) };
}

/** Measures one part; each makes its authority anew. */
function measure(
  part: PartName,
  folder: string,
  { quick, sizes, storages, 'no-verify': noVerify }: Flags,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  switch (part) {
    case 'issuing': {
      const plan = quick
        ? { rounds: 3, units: 2_000, opensslSeconds: 1 }
        : { rounds: 5, units: 8_000, opensslSeconds: 3 };
      return withBenchHome(folder, say, (home) => measureIssuing(home, folder, plan, say));
    }
    case 'job': {
      const plan = quick ? { rounds: 2, units: 400 } : { rounds: 5, units: 2_000 };
      return withBenchHome(folder, say, (home) => measureJobs(home, plan, say));
    }
    case 'lane':
      return withBenchHome(folder, say, (home) => measureLanes(home, folder, quick ? 2 : 7, say));
    case 'line':
      return withBenchHome(folder, say, (home) => measureLine(home, folder, quick ? 4 : 16, say));
    case 'revocation': {
      const plan = quick
        ? { revocations: 50_000, rounds: 2, requests: 4_000 }
        : { revocations: 1_000_000, rounds: 5, requests: 20_000 };
      const told = { public_url: 'http://pki.example.com' };
      return withBenchHome(folder, say, (home) => measureRevocation(home, plan, say), told);
    }
    case 'hsm': {
      const plan = quick
        ? { rounds: 3, signatures: 2_000, units: 400 }
        : { rounds: 7, signatures: 20_000, units: 1_500 };
      return measureHsm(folder, plan, say);
    }
    case 'growth': {
      const plan = quick
        ? { rounds: 2, issued: 100, lookedUp: 300, receipts: 50 }
        : { rounds: 5, issued: 200, lookedUp: 2_000, receipts: 200 };
      return measureGrowth(folder, { storages, sizes, verify: !noVerify, ...plan }, say);
    }
  }
}

async function run(flags: Flags): Promise<void> {
  const begunMs = performance.now();
  const say = (sentence: string) =>
    process.stderr.write(`${((performance.now() - begunMs) / 1000).toFixed(0).padStart(4)} s  ${sentence}\n`);
  const stamp = new Date().toISOString().replace(/[-:]/g, '').slice(0, 15);
  const folder = resolve(flags.home ?? join('imprint-home', `bench-${stamp}`));
  const results = join(repository, 'bench', flags.quick ? 'quick' : 'results');
  const out = flags.json ? process.stderr : process.stdout;
  const reports: Report[] = [];
  const keep = flags.keep || existsSync(folder);
  // each authority closes its own; a database's server, under another account, goes through this one
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  try {
    for (const part of flags.only === undefined ? partNames : [flags.only]) {
      const machine = thisMachine();
      const found = await measure(part, join(folder, part), flags, say);
      const report: Report = {
        part,
        command: commandOf(part, flags),
        at: new Date().toISOString(),
        commit: thisCommit(),
        machine,
        programs: programVersions(),
        quick: flags.quick,
        ...found,
      };
      reports.push(report);
      const page = writeResults(results, report);
      out.write(`\n${reportText(report)}\n${relative(process.cwd(), page)} shows it with plots.\n`);
    }
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
  if (flags.json) process.stdout.write(`${reportJson(reports)}\n`);
}

function commandOf(part: PartName, flags: Flags): string {
  const { quick, sizes, storage } = flags;
  const verify = flags['no-verify'] ? ' --no-verify' : '';
  const growth = part === 'growth' ? ` --sizes ${sizes.join(',')} --storage ${storage}${verify}` : '';
  return `npm run bench -- --only ${part}${growth}${quick ? ' --quick' : ''}`;
}

// as every program of ours does when it starts
computeByOpenssl();
let flags: Flags | undefined;
try {
  flags = readFlags();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${help}`);
  process.exitCode = 2;
}
if (flags?.help) process.stdout.write(help);
else if (flags) await run(flags);
