/** A full line: sixteen lanes of one station at work at once, each with one unit after another. */
import { type BenchHome, serve } from './bench-home.ts';
import { openBenchStation } from './bench-station.ts';
import { spreadOf } from './figures.ts';
import { warmUpShare } from './issuing.ts';
import { makeOrder } from './open-jobs.ts';
import { processorTimeUs } from './processor-time.ts';
import type { ReportPart, Row } from './report.ts';
import { Lane, type LaneVisit } from './unit-on-lane.ts';

const laneCount = 16;
/** The faster of the usual rates: the shorter a unit's bytes take, the larger is our share. */
const baud = 921_600;
const wantedPercent = 5;

export async function measureLine(
  home: BenchHome,
  folder: string,
  unitsALane: number,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const warmUp = Math.ceil(unitsALane * warmUpShare);
  const deviceIds = await makeOrder(home, 'line-1', laneCount * (unitsALane + 1));
  const { url, process: authority } = await serve(home);
  const lanes: Lane[] = [];
  const rounds: LaneVisit[][] = Array.from({ length: unitsALane }, () => []);
  let processors: Row[] = [];
  try {
    const station = await openBenchStation(home, url, folder);
    say(`opening ${laneCount} lanes and counting their units' commands`);
    for (let number = 1; number <= laneCount; number++) {
      lanes.push(await Lane.open(baud, home, station, deviceIds.shift()!, number));
    }
    say(`${laneCount} lanes, ${unitsALane} units each`);
    const pids = {
      station: [process.pid],
      authority: [authority.pid!],
      'the simulated units': lanes.map(({ pid }) => pid),
    };
    let before: ProcessorTimes | undefined;
    let madeSince = 0;
    // no lane waits for another: each takes its next unit as soon as it has its receipt
    await Promise.all(
      lanes.map(async (lane) => {
        for (const [at, round] of rounds.entries()) {
          if (at === warmUp) before ??= processorTimes(pids);
          round.push(await lane.visit(deviceIds.shift()!));
          if (before) madeSince++;
        }
      }),
    );
    processors = processorRows(before!, processorTimes(pids), madeSince);
    await station.close();
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
    await authority.stop();
  }
  // by then compilers are warm and the lanes no longer in step
  const counted = rounds.slice(warmUp);
  const figures = counted.map(mean);
  const found = spreadOf(figures).median;
  const name = `added to the unit’s own time, ${laneCount} lanes`;
  return {
    rows: [rowOf(name, counted, figures), ...processors],
    ratios: [],
    reach: [
      {
        what: `percent that station and authority add to a unit whose own delays come to 2 s, ${laneCount} lanes on one station`,
        wanted: `under ${wantedPercent}`,
        found,
        reached: found < wantedPercent,
      },
    ],
    leftOut: [],
    plots: [
      {
        kind: 'bars',
        name: 'line-overhead',
        title: 'What station and authority add to a unit’s own time on a full line',
        unit: 'percent',
        bars: [{ label: `${laneCount} lanes, ${baud} baud`, side: 'Imprint', figures }],
        wanted: { label: `wanted: under ${wantedPercent}`, value: wantedPercent },
      },
    ],
  };
}

type Pids = Record<string, readonly number[]>;
/** Microseconds by party; null where the system does not tell. */
type ProcessorTimes = Record<string, number | null>;

function processorTimes(pids: Pids): ProcessorTimes {
  const sum = (of: readonly number[]) =>
    of.map(processorTimeUs).reduce((all, us) => (all === null || us === null ? null : all + us), 0);
  return Object.fromEntries(Object.entries(pids).map(([party, of]) => [party, sum(of)]));
}

function processorRows(before: ProcessorTimes, after: ProcessorTimes, units: number): Row[] {
  return Object.entries(after).flatMap(([party, ended]) => {
    const begun = before[party]!;
    if (ended === null || begun === null) return [];
    return [
      {
        name: `processor time, ${party}`,
        unit: 'ms a unit',
        figures: [(ended - begun) / 1000 / units],
        note: 'user and system time of all threads, by the units that were made meanwhile; a factory has one processor for each of the three',
      },
    ];
  });
}

function mean(visits: readonly LaneVisit[]): number {
  return visits.reduce((sum, { overheadPercent }) => sum + overheadPercent, 0) / visits.length;
}

function rowOf(name: string, rounds: readonly LaneVisit[][], figures: number[]): Row {
  const seconds = (of: (visit: LaneVisit) => number) =>
    rounds.map((visits) => spreadOf(visits.map(of)).median);
  return {
    name,
    unit: 'percent',
    figures,
    besides: {
      seconds: seconds((visit) => visit.seconds),
      delaySeconds: seconds((visit) => visit.delaySeconds),
      wireSeconds: seconds((visit) => visit.wireSeconds),
      lateSeconds: seconds((visit) => visit.lateSeconds),
      worstPercent: rounds.map((visits) => Math.max(...visits.map(({ overheadPercent }) => overheadPercent))),
    },
    note: `a figure is the mean of the ${laneCount} lanes’ first unit, second unit and so on, without the first quarter of them; all lanes begin at once at ${baud} baud; station, authority and ${laneCount} simulated units share the same cores, and the units’ own arithmetic counts as ours`,
  };
}
