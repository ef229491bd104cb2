/** Issuing, round by round: OpenSSL's limit, the peers where they are there, and our own, each beside the others in time. */
import type { BenchHome } from './bench-home.ts';
import { serve } from './bench-home.ts';
import { pairRatios, spreadOf } from './figures.ts';
import { beginSession, issueInProcess, issueOverMtls } from './issuing.ts';
import { referencePairs, type Way, ways } from './issuing-ways.ts';
import type { LoadResult } from './load.ts';
import { makeOrder, openJobs, type WaitingUnit } from './open-jobs.ts';
import { type Cfssl, startCfssl } from './peers/cfssl.ts';
import { issueByOpensslCa } from './peers/openssl-ca.ts';
import { opensslSpeed, pairsASecond } from './peers/openssl-speed.ts';
import type { PlotData, Side } from './plot.ts';
import type { Ratio, Reach, ReportPart, Row } from './report.ts';

export interface IssuingPlan {
  rounds: number;
  /** Certificates of one measurement. */
  units: number;
  opensslSeconds: number;
}

const callers = 64;
const limitCores = 2;

export async function measureIssuing(
  home: BenchHome,
  folder: string,
  plan: IssuingPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const { rounds, units } = plan;
  const waiting = await openAll(home, rounds * units * (1 + ways.length), say);
  const take = () => waiting.splice(0, units);
  const cfssl = await startCfssl(folder);
  const server = await serve(home);
  const found: Found = {
    signs: [],
    verifies: [],
    corePairs: [],
    limitPairs: [],
    opensslCa: [],
    inProcess: [],
    asked: ways.map((way) => ({ way, ours: [], theirs: [] })),
  };
  try {
    const sessionId = await beginSession(home);
    for (let round = 1; round <= rounds; round++) {
      say(`issuing, round ${round} of ${rounds}`);
      await addLimits(found, plan.opensslSeconds);
      const inProcess = take();
      found.inProcess.push(await issueInProcess(home, sessionId, inProcess, callers));
      const byOpensslCa = await issueByOpensslCa(folder, inProcess);
      if (byOpensslCa !== undefined) found.opensslCa.push(byOpensslCa);
      for (const { way, ours, theirs } of found.asked) {
        const of = take();
        const { connections } = way;
        const askUs = async () => {
          ours.push(
            await issueOverMtls(home, server, sessionId, { connections, requests: way.requests(of) }),
          );
        };
        const askThem = async () => {
          if (cfssl) theirs.push(await cfssl.issue(of, connections));
        };
        // neither of a pair is always the first
        for (const ask of round % 2 === 1 ? [askUs, askThem] : [askThem, askUs]) await ask();
      }
    }
  } finally {
    await server.process.stop();
    await cfssl?.stop();
  }
  return partOf(found, cfssl);
}

interface Asked {
  way: Way;
  ours: LoadResult[];
  /** Empty where cfssl is not there. */
  theirs: LoadResult[];
}

/** A figure a round; of OpenSSL none where it is not there. */
interface Found {
  signs: number[];
  verifies: number[];
  corePairs: number[];
  limitPairs: number[];
  opensslCa: number[];
  inProcess: number[];
  asked: Asked[];
}

async function addLimits(found: Found, seconds: number): Promise<void> {
  const core = await opensslSpeed(seconds, 1);
  const cores = await opensslSpeed(seconds, limitCores);
  if (core === undefined || cores === undefined) return;
  found.signs.push(core.signs);
  found.verifies.push(core.verifies);
  found.corePairs.push(pairsASecond(core));
  found.limitPairs.push(pairsASecond(cores));
}

async function openAll(
  home: BenchHome,
  count: number,
  say: (sentence: string) => void,
): Promise<WaitingUnit[]> {
  say(`opening ${count} jobs and making the requests of their units`);
  const deviceIds = await makeOrder(home, 'issuing-1', count);
  let told = 0;
  return openJobs(home, 'issuing-1', deviceIds, (done) => {
    if (done < told + 5_000) return;
    told = done;
    say(`${done} of ${count} jobs are open`);
  });
}

function partOf(found: Found, cfssl: Cfssl | undefined): ReportPart {
  const { inProcess, corePairs, asked } = found;
  const rows: Row[] = opensslRows(found);
  const ratios: Ratio[] = [];
  if (corePairs.length > 0) {
    ratios.push({ name: 'in process / pairs of one core', figures: pairRatios(inProcess, corePairs) });
  }
  rows.push({
    name: `issuing, in process, ${callers} callers`,
    unit: 'certificates a second',
    figures: inProcess,
    note: 'checks, intent, signature, certificate, registry and audit log, each fsynced before the answer (SQLite, synchronous FULL); no TLS and no HTTP',
  });
  for (const one of asked) {
    rows.push(...askedRows(one));
    ratios.push(...askedRatios(one, found));
  }
  return {
    rows,
    ratios,
    reach: asked.flatMap((one) => reachOf(one, found)),
    plots: issuingPlots(rows, asked),
    leftOut: leftOut(corePairs.length > 0, cfssl !== undefined),
  };
}

function opensslRows({ signs, verifies, corePairs, limitPairs, opensslCa }: Found): Row[] {
  if (corePairs.length === 0) return [];
  const note =
    'openssl speed ecdsap256, one core, by its processor time; arithmetic alone: no certificate, no parsing, no disk';
  const pair = 'computed: a request’s proof verified and a signature made, each once, and nothing else';
  return [
    { name: 'openssl, sign', unit: 'a second', figures: signs, note },
    { name: 'openssl, verify', unit: 'a second', figures: verifies, note },
    { name: 'limit of one core', unit: 'pairs a second', figures: corePairs, note: pair },
    {
      name: `limit of ${limitCores} cores`,
      unit: 'pairs a second',
      figures: limitPairs,
      note: `${pair}; ${limitCores} openssl speed at once`,
    },
    {
      name: 'openssl ca, one batch',
      unit: 'certificates a second',
      figures: opensslCa,
      note: 'the same requests as files, one process on one core; it keeps a text database, written once at the end and not synced; no network, no quota, nothing recorded before it signs, all lost where it is broken off',
    },
  ];
}

function askedRows({ way, ours, theirs }: Asked): Row[] {
  const row = (name: string, results: LoadResult[], note: string): Row => ({
    name,
    unit: 'certificates a second',
    figures: results.map(({ perSecond }) => perSecond),
    besides: besidesOf(results),
    note,
  });
  const rows = [
    row(
      `issuing, over mTLS, ${way.name}`,
      ours,
      'the same, asked of imprint serve by a client in another process on the same cores, connections kept',
    ),
  ];
  if (theirs.length > 0) {
    rows.push(
      row(
        `cfssl, over HTTP, beside ${way.name}`,
        theirs,
        'the same requests and the same client; no TLS, no client certificate, no registry, no quota, no record of what it signed, nothing on the disk',
      ),
    );
  }
  return rows;
}

function besidesOf(results: readonly LoadResult[]): Record<string, number[]> {
  const serverUs = serverUsOf(results);
  return {
    p50Ms: results.map(({ p50Ms }) => p50Ms),
    p99Ms: results.map(({ p99Ms }) => p99Ms),
    ...(serverUs.length > 0 && { serverUs }),
  };
}

/** Empty where the system does not tell. */
function serverUsOf(results: readonly LoadResult[]): number[] {
  return results.flatMap(({ serverUs }) => (serverUs === null ? [] : [serverUs]));
}

function askedRatios({ way, ours, theirs }: Asked, { limitPairs }: Found): Ratio[] {
  const ratios: Ratio[] = [];
  const rates = ours.map(({ perSecond }) => perSecond);
  if (theirs.length > 0) {
    ratios.push(
      { name: `rate / cfssl’s, ${way.name}`, figures: ratioOf('perSecond', ours, theirs) },
      { name: `p99 / cfssl’s, ${way.name}`, figures: ratioOf('p99Ms', ours, theirs) },
    );
  }
  if (limitPairs.length > 0) {
    ratios.push({
      name: `rate / pairs of ${limitCores} cores, ${way.name}`,
      figures: pairRatios(rates, limitPairs),
    });
  }
  return ratios;
}

function ratioOf(member: 'perSecond' | 'p99Ms', ours: LoadResult[], theirs: LoadResult[]): number[] {
  return pairRatios(
    ours.map((result) => result[member]),
    theirs.map((result) => result[member]),
  );
}

/** What can be judged here: without the peer, or without the system's account, that part is not. */
function reachOf({ way, ours, theirs }: Asked, { corePairs, limitPairs }: Found): Reach[] {
  const { wanted } = way;
  if (wanted === undefined) return [];
  const reach: Reach[] = [];
  const atLeast = (what: string, least: number, figures: number[]) => {
    const found = spreadOf(figures).median;
    reach.push({ what: `${what}, ${way.name}`, wanted: `at least ${least}`, found, reached: found >= least });
  };
  const atMost = (what: string, most: number, figures: number[]) => {
    const found = spreadOf(figures).median;
    reach.push({ what: `${what}, ${way.name}`, wanted: `at most ${most}`, found, reached: found <= most });
  };
  if (theirs.length > 0) {
    atLeast('rate of cfssl’s', wanted.ofCfssl, ratioOf('perSecond', ours, theirs));
    if (wanted.ofCfsslP99 !== undefined) {
      atMost('p99 of cfssl’s', wanted.ofCfsslP99, ratioOf('p99Ms', ours, theirs));
    }
  }
  if (limitPairs.length > 0 && wanted.ofLimit !== undefined) {
    const rates = ours.map(({ perSecond }) => perSecond);
    atLeast(`rate of the pairs of ${limitCores} cores`, wanted.ofLimit, pairRatios(rates, limitPairs));
  }
  const serverUs = serverUsOf(ours);
  if (corePairs.length > 0 && serverUs.length > 0) {
    const most = Math.round((wanted.serverUs * referencePairs) / spreadOf(corePairs).median);
    atMost(
      `µs of the server’s processors for a certificate (${wanted.serverUs} where a core does ${referencePairs} pairs a second)`,
      most,
      serverUs,
    );
  }
  return reach;
}

function issuingPlots(rows: readonly Row[], asked: readonly Asked[]): PlotData[] {
  const issuers = rows.filter(({ unit }) => unit === 'certificates a second');
  const limits = rows.filter(({ unit }) => unit === 'pairs a second');
  const bar = (side: Side) => (row: Row) => ({ label: row.name, side, figures: row.figures });
  const sideOf = ({ name }: Row): Side => (name.startsWith('issuing') ? 'Imprint' : 'peer');
  const beside = (key: string, name: string, title: string, unit: string): PlotData => ({
    kind: 'bars',
    name,
    title,
    unit,
    bars: issuers.flatMap((row) => {
      const figures = row.besides?.[key];
      return figures === undefined ? [] : [{ label: row.name, side: sideOf(row), figures }];
    }),
  });
  const plots: PlotData[] = [
    {
      kind: 'bars',
      name: 'issuing-rate',
      title: 'How many certificates a second',
      unit: 'certificates a second',
      bars: [...limits.map(bar('limit')), ...issuers.map((row) => bar(sideOf(row))(row))],
    },
    beside(
      'p99Ms',
      'issuing-p99',
      'How long the slowest hundredth of the requests waits',
      'p99, milliseconds',
    ),
  ];
  if (asked.some(({ ours }) => serverUsOf(ours).length > 0)) {
    plots.push(
      beside(
        'serverUs',
        'issuing-processor-time',
        'What a certificate costs the server’s processors',
        'microseconds',
      ),
    );
  }
  return plots;
}

function leftOut(hasOpenssl: boolean, hasCfssl: boolean): string[] {
  const sentences = [
    'step-ca: it is no Debian package. To add it, install it (https://smallstep.com/docs/step-ca/installation) and write packages/lab/src/bench/peers/step-ca.ts as cfssl.ts beside it: a CA that it starts, and `issue`, which asks /1.0/sign with a token for each request',
  ];
  if (!hasOpenssl) {
    sentences.push(
      'openssl speed and openssl ca: there is no openssl command (Debian: apt-get install openssl)',
    );
  }
  if (!hasCfssl) {
    sentences.push(
      'cfssl: it is not installed (Debian: apt-get install golang-cfssl), or openssl is missing',
    );
  }
  if (process.platform !== 'linux') {
    sentences.push('the processor time of a server: it is read in /proc, which only Linux has');
  }
  return sentences;
}
