/** A unit on a lane, round by round and baud rate by baud rate, alone on the line. */
import { type BenchHome, serve } from './bench-home.ts';
import { openBenchStation } from './bench-station.ts';
import { spreadOf } from './figures.ts';
import { makeOrder } from './open-jobs.ts';
import type { PlotData } from './plot.ts';
import type { Reach, ReportPart, Row } from './report.ts';
import { Lane, type LaneVisit } from './unit-on-lane.ts';

const baudRates = [115_200, 921_600] as const;
const wantedPercent = 5;

export async function measureLanes(
  home: BenchHome,
  folder: string,
  rounds: number,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const deviceIds = await makeOrder(home, 'lane-1', baudRates.length * (rounds + 1));
  const { url, process: authority } = await serve(home);
  const lanes: { baud: number; lane: Lane; visits: LaneVisit[] }[] = [];
  try {
    const station = await openBenchStation(home, url, folder);
    for (const baud of baudRates) {
      say(`a unit on a lane at ${baud} baud: counting its commands`);
      lanes.push({ baud, lane: await Lane.open(baud, home, station, deviceIds.shift()!), visits: [] });
    }
    for (let round = 1; round <= rounds; round++) {
      say(`a unit on a lane, round ${round} of ${rounds}`);
      for (const { lane, visits } of lanes) visits.push(await lane.visit(deviceIds.shift()!));
    }
    await station.close();
  } finally {
    await Promise.all(lanes.map(({ lane }) => lane.close()));
    await authority.stop();
  }
  return {
    rows: lanes.flatMap(({ baud, visits }) => rowsOf(baud, visits)),
    ratios: [],
    reach: lanes.map(({ baud, visits }) => reachOf(baud, visits)),
    leftOut: [],
    plots: [overheadPlot(lanes)],
  };
}

function overheadPlot(lanes: readonly { baud: number; visits: readonly LaneVisit[] }[]): PlotData {
  return {
    kind: 'bars',
    name: 'lane-overhead',
    title: 'What station and authority add to a unit’s own time',
    unit: 'percent',
    bars: lanes.map(({ baud, visits }) => ({
      label: `one lane, ${baud} baud`,
      side: 'Imprint',
      figures: visits.map(({ overheadPercent }) => overheadPercent),
    })),
    wanted: { label: `wanted: under ${wantedPercent}`, value: wantedPercent },
  };
}

function rowsOf(baud: number, visits: readonly LaneVisit[]): Row[] {
  return [
    {
      name: `a unit on a lane, ${baud} baud`,
      unit: 'seconds',
      figures: visits.map(({ seconds }) => seconds),
      besides: {
        delaySeconds: visits.map((visit) => visit.delaySeconds),
        wireSeconds: visits.map((visit) => visit.wireSeconds),
        lateSeconds: visits.map((visit) => visit.lateSeconds),
        bytes: visits.map((visit) => visit.bytes),
      },
      note: 'from the scan to the receipt: key, certificate, write, read back, prove, seal, attest, over mTLS to imprint serve, with a journal on the disk',
    },
    {
      name: `added to the unit's own time, ${baud} baud`,
      unit: 'percent',
      figures: visits.map(({ overheadPercent }) => overheadPercent),
      note: 'above the sum of its own delays (key 500 ms, boot 100 ms, the rest by command) its bytes divided by the baud rate, and what its timers fired late; the simulated unit’s own arithmetic counts as ours',
    },
  ];
}

function reachOf(baud: number, visits: readonly LaneVisit[]): Reach {
  const found = spreadOf(visits.map(({ overheadPercent }) => overheadPercent)).median;
  return {
    what: `percent that station and authority add to a unit of about 2 s, ${baud} baud`,
    wanted: `under ${wantedPercent}`,
    found,
    reached: found < wantedPercent,
  };
}
