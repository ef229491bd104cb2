/** The whole job, round by round: how many units a second one authority takes from opening to receipt, and where their time goes. */
import { openShift } from '@imprint/authority/jobs/shifts';
import { registerOperator } from '@imprint/authority/registry/operators';
import { type BenchHome, benchStation, enrolStation, newRequestId, serve } from './bench-home.ts';
import { spreadOf } from './figures.ts';
import { beginSession, warmUpShare } from './issuing.ts';
import { type JobResult, type JobStation, jobRequests, runJobs } from './job-load.ts';
import { makeOrder } from './open-jobs.ts';
import type { PlotData } from './plot.ts';
import type { ReportPart, Row } from './report.ts';

export interface JobPlan {
  rounds: number;
  /** Units of one measurement with many lanes; with one lane an eighth of them. */
  units: number;
}

/** Lanes at work at once. Two stations have them: what one may ask for in a minute is limited. */
const laneCounts = [1, 16, 64] as const;
const stationIds = [benchStation, 'st-2'] as const;
const badge = 'OP-BENCH-1';

export async function measureJobs(
  home: BenchHome,
  plan: JobPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const counts = laneCounts.map((lanes) => (lanes === 1 ? Math.ceil(plan.units / 8) : plan.units));
  const ofRound = counts.reduce((sum, count) => sum + count, 0);
  say(`an order of ${plan.rounds * ofRound} units at ${stationIds.length} stations`);
  const deviceIds = await makeOrder(home, 'job-1', plan.rounds * ofRound, stationIds);
  const stations = await openStations(home);
  const { url, process: authority } = await serve(home);
  const { line } = home.unlocked;
  const found = laneCounts.map((lanes) => ({ lanes, results: [] as JobResult[] }));
  try {
    for (let round = 1; round <= plan.rounds; round++) {
      say(`whole jobs, round ${round} of ${plan.rounds}`);
      for (const [at, { lanes, results }] of found.entries()) {
        const of = deviceIds.splice(0, counts[at]!);
        results.push(
          await runJobs(home.folder, {
            origin: url,
            serverPid: authority.pid!,
            stations,
            lanes,
            warmUp: Math.floor(of.length * warmUpShare),
            deviceIds: of,
            realm: line.realm,
            logId: line.logId,
            rootSha256: line.rootSha256,
            chainSha256: home.issuerSha256,
          }),
        );
      }
    }
  } finally {
    await authority.stop();
  }
  return {
    rows: found.map(({ lanes, results }) => rowOf(lanes, results)),
    ratios: [],
    reach: [],
    leftOut: [],
    plots: [ratePlot(found), partsPlot(found.at(-1)!)],
  };
}

/** The stations with a session and a shift each. */
async function openStations(home: BenchHome): Promise<JobStation[]> {
  const { authority, unlocked } = home;
  const { ledger, entropy, person } = authority;
  await registerOperator(ledger, entropy, person, { name: 'Bench Operator', badge }, unlocked.line.badgeHash);
  const stations: JobStation[] = [];
  for (const stationId of stationIds) {
    const identity =
      stationId === benchStation ? home.identity : await enrolStation(authority, unlocked, stationId);
    const sessionId = await beginSession(home, stationId);
    const caller = { stationId, sessionId };
    const { shift_id } = await openShift(unlocked.line, caller, { request_id: newRequestId(), badge });
    stations.push({ identity, sessionId, shiftId: shift_id });
  }
  return stations;
}

interface Found {
  lanes: number;
  results: readonly JobResult[];
}

const nameOf = (lanes: number) =>
  lanes === 1 ? 'whole jobs, one after another' : `whole jobs, ${lanes} lanes`;

function rowOf(lanes: number, results: readonly JobResult[]): Row {
  const serverUs = results.flatMap((result) => (result.serverUs === null ? [] : [result.serverUs]));
  return {
    name: nameOf(lanes),
    unit: 'units a second',
    figures: results.map(({ perSecond }) => perSecond),
    besides: {
      p50Ms: results.map(({ p50Ms }) => p50Ms),
      p99Ms: results.map(({ p99Ms }) => p99Ms),
      ...(serverUs.length > 0 && { serverUs }),
      ...Object.fromEntries(
        jobRequests.map((name) => [`${name}Ms`, results.map(({ requestsMs }) => requestsMs[name])]),
      ),
    },
    note: 'open, issue, written, proof, sealed, complete with its receipt: six requests over mTLS to imprint serve, each answer durable; the unit signs in the client’s process on the same cores and takes no other time',
  };
}

function ratePlot(found: readonly Found[]): PlotData {
  return {
    kind: 'bars',
    name: 'job-rate',
    title: 'How many whole units a second one authority takes',
    unit: 'units a second',
    bars: found.map(({ lanes, results }) => ({
      label: nameOf(lanes),
      side: 'Imprint',
      figures: results.map(({ perSecond }) => perSecond),
    })),
  };
}

function partsPlot({ lanes, results }: Found): PlotData {
  return {
    kind: 'bars',
    name: 'job-parts',
    title: `How long each request of a unit takes, ${lanes} lanes (${text(results)} ms a unit)`,
    unit: 'milliseconds',
    bars: jobRequests.map((name) => ({
      label: name,
      side: 'Imprint',
      figures: results.map(({ requestsMs }) => requestsMs[name]),
    })),
  };
}

function text(results: readonly JobResult[]): string {
  return spreadOf(results.map(({ p50Ms }) => p50Ms)).median.toFixed(0);
}
