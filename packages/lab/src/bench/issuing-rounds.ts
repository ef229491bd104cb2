/** Issuing, round by round: OpenSSL's limit, cfssl where it is there, and our own, each beside the others in time. */
import type { BenchHome } from './bench-home.ts';
import { serve } from './bench-home.ts';
import { pairRatios, spreadOf } from './figures.ts';
import { beginSession, issueInProcess, issueOverMtls } from './issuing.ts';
import type { LoadResult } from './load.ts';
import { makeOrder, openJobs, type WaitingUnit } from './open-jobs.ts';
import { startCfssl } from './peers/cfssl.ts';
import { cryptoLimit, opensslSpeed } from './peers/openssl-speed.ts';
import type { Ratio, Reach, ReportPart, Row } from './report.ts';

export interface IssuingPlan {
  rounds: number;
  /** Certificates of one measurement. */
  units: number;
  opensslSeconds: number;
}

const connectionCounts = [16, 64] as const;
const callers = 64;
const wantedPerSecond = 1_000;

export async function measureIssuing(
  home: BenchHome,
  folder: string,
  plan: IssuingPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const { rounds, units } = plan;
  const waiting = await openAll(home, rounds * units * (1 + connectionCounts.length), say);
  const take = () => waiting.splice(0, units);
  const cfssl = await startCfssl(folder);
  const { url, process: authority } = await serve(home);
  const found: Found = { signs: [], verifies: [], limits: [], inProcess: [], mtls: {}, cfssl: {} };
  try {
    const sessionId = await beginSession(home);
    for (let round = 1; round <= rounds; round++) {
      say(`issuing, round ${round} of ${rounds}`);
      const speed = opensslSpeed(plan.opensslSeconds);
      if (speed) {
        found.signs.push(speed.signs);
        found.verifies.push(speed.verifies);
        found.limits.push(cryptoLimit(speed));
      }
      found.inProcess.push(await issueInProcess(home, sessionId, take(), callers));
      for (const connections of connectionCounts) {
        const of = take();
        add(found.mtls, connections, await issueOverMtls(home, url, sessionId, of, connections));
        if (cfssl) add(found.cfssl, connections, await cfssl.issue(of, connections));
      }
    }
  } finally {
    await authority.stop();
    await cfssl?.stop();
  }
  return partOf(found, cfssl !== undefined);
}

interface Found {
  signs: number[];
  verifies: number[];
  limits: number[];
  inProcess: number[];
  /** By number of connections. */
  mtls: Record<number, LoadResult[]>;
  cfssl: Record<number, LoadResult[]>;
}

function add(results: Record<number, LoadResult[]>, connections: number, result: LoadResult): void {
  results[connections] ??= [];
  results[connections].push(result);
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

function partOf(found: Found, hasCfssl: boolean): ReportPart {
  const { inProcess, limits } = found;
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  const leftOut: string[] = [];
  if (limits.length > 0) {
    rows.push(...opensslRows(found));
    ratios.push({ name: 'in process / one core of openssl', spread: pairRatios(inProcess, limits) });
  } else {
    leftOut.push('openssl speed: there is no openssl command here (Debian: apt-get install openssl)');
  }
  rows.push({
    name: `issuing, in process, ${callers} callers`,
    unit: 'certificates a second',
    figures: inProcess,
    note: 'checks, intent, signature, certificate, registry and audit log, each fsynced before the answer (SQLite, synchronous FULL); no TLS and no HTTP',
  });
  for (const connections of connectionCounts) {
    const ours = found.mtls[connections]!;
    rows.push({
      name: `issuing, over mTLS, ${connections} connections`,
      unit: 'certificates a second',
      figures: ours.map(({ perSecond }) => perSecond),
      besides: latencies(ours),
      note: 'the same, asked of imprint serve by a client in another process on the same cores, connections kept',
    });
    const theirs = found.cfssl[connections];
    if (!theirs) continue;
    rows.push({
      name: `cfssl, over HTTP, ${connections} connections`,
      unit: 'certificates a second',
      figures: theirs.map(({ perSecond }) => perSecond),
      besides: latencies(theirs),
      note: 'the same requests and the same client; no TLS, no client certificate, no registry, no quota, no record of what it signed, nothing on the disk',
    });
    ratios.push({
      name: `over mTLS / cfssl over HTTP, ${connections} connections`,
      spread: pairRatios(
        ours.map(({ perSecond }) => perSecond),
        theirs.map(({ perSecond }) => perSecond),
      ),
    });
  }
  if (!hasCfssl) {
    leftOut.push('cfssl: it is not installed (Debian: apt-get install golang-cfssl), or openssl is missing');
  }
  return { rows, ratios, reach: [reachOf(found)], leftOut };
}

function opensslRows({ signs, verifies, limits }: Found): Row[] {
  const note = 'openssl speed ecdsap256, one core; arithmetic alone: no certificate, no parsing, no disk';
  return [
    { name: 'openssl, sign', unit: 'a second', figures: signs, note },
    { name: 'openssl, verify', unit: 'a second', figures: verifies, note },
    {
      name: 'one core of openssl',
      unit: 'certificates a second',
      figures: limits,
      note: 'computed: the proof verified, a signature made, that signature verified, and nothing else',
    },
  ];
}

function latencies(results: readonly LoadResult[]): Record<string, number> {
  return {
    p50Ms: spreadOf(results.map(({ p50Ms }) => p50Ms)).median,
    p99Ms: spreadOf(results.map(({ p99Ms }) => p99Ms)).median,
  };
}

function reachOf({ mtls }: Found): Reach {
  const medians = connectionCounts.map(
    (connections) => spreadOf(mtls[connections]!.map(({ perSecond }) => perSecond)).median,
  );
  const found = Math.max(...medians);
  return {
    what: 'durable certificates a second over mTLS',
    wanted: `at least ${wantedPerSecond} on 2 cores`,
    found,
    reached: found >= wantedPerSecond,
  };
}
