/** What a part of the benchmark says: rows with their spread, ratios of pairs, and what was reached; as a table or as JSON. */
import { table } from 'imprint/say';
import { type Spread, spreadOf } from './figures.ts';
import type { PlotData } from './plot.ts';
import type { Machine } from './surroundings.ts';

export interface Row {
  name: string;
  /** What a row of this name was measured at, where there are several: `1,000 devices`. */
  at?: string;
  /** What one figure is: `certificates a second`, `percent`. */
  unit: string;
  /** One figure a round. */
  figures: number[];
  /** What the figure includes, and what a peer does not do. */
  note: string;
  /** What was measured beside it, such as `p50Ms`: a figure a round. */
  besides?: Record<string, number[]>;
}

export interface Ratio {
  name: string;
  /** One a round. */
  figures: number[];
}

/** A figure of the row that has to be at least, or at most, so much. */
export interface Reach {
  what: string;
  wanted: string;
  found: number;
  reached: boolean;
}

/** One part of the benchmark, as it was measured here. */
export interface Report {
  part: string;
  /** What gives these figures again. */
  command: string;
  /** ISO 8601. */
  at: string;
  commit: string;
  machine: Machine;
  programs: Record<string, string>;
  quick: boolean;
  rows: Row[];
  ratios: Ratio[];
  reach: Reach[];
  /** Rows that could not be measured here, each with what to do about it. */
  leftOut: string[];
  plots: PlotData[];
}

/** What the measuring of one part gives. */
export type ReportPart = Pick<Report, 'rows' | 'ratios' | 'reach' | 'leftOut' | 'plots'>;

/** One line: the object that `--json` prints last, with the spread of each row. */
export function reportJson(reports: readonly Report[]): string {
  const parts = reports.map(({ rows, ratios, reach, plots: _, ...rest }) => ({
    ...rest,
    rows: rows.map(({ figures, besides, ...row }) => ({
      ...row,
      ...spreadOf(figures),
      rounds: figures.length,
      ...Object.fromEntries(
        Object.entries(besides ?? {}).map(([key, values]) => [key, spreadOf(values).median]),
      ),
    })),
    ratios: ratios.map(({ name, figures }) => ({ name, ...spreadOf(figures) })),
    reach,
  }));
  return JSON.stringify({ parts }, (_, value) => (typeof value === 'number' ? round(value) : value));
}

/** The same for people. */
export function reportText(report: Report): string {
  const { machine, rows, ratios, reach, leftOut } = report;
  const spread = ({ median, min, max }: Spread) => [text(median), text(min), text(max)];
  return [
    `${report.part}: ${machine.cpu}, ${machine.cores} cores, load ${text(machine.loadBefore)} before`,
    '',
    ...table([
      ['', 'median', 'min', 'max', 'rounds', 'unit', 'besides'],
      ...rows.map(({ name, at, unit, figures, besides }) => [
        at === undefined ? name : `${name}, ${at}`,
        ...spread(spreadOf(figures)),
        figures.length,
        unit,
        Object.entries(besides ?? {})
          .map(([key, values]) => `${key} ${text(spreadOf(values).median)}`)
          .join(', '),
      ]),
    ]),
    '',
    ...notesOf(rows),
    ...ratioTable(ratios),
    '',
    ...reach.map(
      ({ what, wanted, found, reached }) =>
        `${reached ? 'reached' : 'NOT REACHED'}: ${what}: ${text(found)} (wanted: ${wanted})`,
    ),
    ...leftOut.map((sentence) => `left out: ${sentence}`),
    '',
  ].join('\n');
}

/** What each row includes, once for all rows of a name. */
export function notesOf(rows: readonly Row[]): string[] {
  return [...new Map(rows.map(({ name, note }) => [name, note]))].map(([name, note]) => `${name}: ${note}`);
}

function ratioTable(ratios: readonly Ratio[]): string[] {
  if (ratios.length === 0) return [];
  const rows = ratios.map(({ name, figures }) => {
    const { median, min, max } = spreadOf(figures);
    return [name, text(median), text(min), text(max)];
  });
  return ['', ...table([['ratio of the pairs of each round', 'median', 'min', 'max'], ...rows])];
}

/** To four digits: more would say what no round repeats. */
export function round(value: number): number {
  return Number(value.toPrecision(4));
}

function text(value: number): string {
  return String(round(value));
}
