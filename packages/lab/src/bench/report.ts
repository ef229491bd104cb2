/** What a run of the benchmark says: rows with their spread, ratios of pairs, and what was reached; as a table or as JSON. */
import { table } from 'imprint/say';
import { type Spread, spreadOf } from './figures.ts';

export interface Row {
  name: string;
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

export interface Report {
  machine: { cpu: string; cores: number; node: string; loadBefore: number };
  quick: boolean;
  rows: Row[];
  ratios: Ratio[];
  reach: Reach[];
  /** Rows that could not be measured here, each with what to do about it. */
  leftOut: string[];
}

/** What one part of the benchmark adds. */
export type ReportPart = Pick<Report, 'rows' | 'ratios' | 'reach' | 'leftOut'>;

/** One line: the object that `--json` prints last. */
export function reportJson({ machine, quick, rows, ratios, reach, leftOut }: Report): string {
  return JSON.stringify({
    machine,
    quick,
    rows: rows.map(({ name, unit, figures, note, besides }) => ({
      name,
      unit,
      ...rounded(spreadOf(figures)),
      rounds: figures.length,
      ...Object.fromEntries(
        Object.entries(besides ?? {}).map(([key, values]) => [key, round(spreadOf(values).median)]),
      ),
      note,
    })),
    ratios: ratios.map(({ name, figures }) => ({ name, ...rounded(spreadOf(figures)) })),
    reach: reach.map((one) => ({ ...one, found: round(one.found) })),
    leftOut,
  });
}

/** The same for people. */
export function reportText(report: Report): string {
  const { machine, rows, ratios, reach, leftOut } = report;
  const spread = ({ median, min, max }: Spread) => [text(median), text(min), text(max)];
  return [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${text(machine.loadBefore)} before`,
    '',
    ...table([
      ['', 'median', 'min', 'max', 'rounds', 'unit', 'besides'],
      ...rows.map(({ name, unit, figures, besides }) => [
        name,
        ...spread(spreadOf(figures)),
        figures.length,
        unit,
        Object.entries(besides ?? {})
          .map(([key, values]) => `${key} ${text(spreadOf(values).median)}`)
          .join(', '),
      ]),
    ]),
    '',
    ...rows.map(({ name, note }) => `${name}: ${note}`),
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

function ratioTable(ratios: readonly Ratio[]): string[] {
  if (ratios.length === 0) return [];
  const rows = ratios.map(({ name, figures }) => {
    const { median, min, max } = spreadOf(figures);
    return [name, text(median), text(min), text(max)];
  });
  return ['', ...table([['ratio of the pairs of each round', 'median', 'min', 'max'], ...rows])];
}

function rounded({ median, min, max }: Spread): Spread {
  return { median: round(median), min: round(min), max: round(max) };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function text(value: number): string {
  return String(round(value));
}
