/**
 * What a run leaves behind: `<part>.json` with every figure that was taken, the plots, and a page over all parts that lie
 * in the folder, so that a part that was measured anew leaves the others as they were.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Spread, spreadOf } from './figures.ts';
import { plotSvg } from './plot.ts';
import { notesOf, type Report, type Row, round } from './report.ts';

/** Writes the part's results and its plots, and the page anew. Gives the page's path. */
export function writeResults(folder: string, report: Report): string {
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify(report, (_, value) => (typeof value === 'number' ? round(value) : value), 1);
  writeFileSync(join(folder, `${report.part}.json`), `${text}\n`);
  for (const plot of report.plots) writeFileSync(join(folder, `${plot.name}.svg`), plotSvg(plot));
  const reports = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Report);
  const page = join(folder, 'README.md');
  writeFileSync(page, pageOf(reports));
  return page;
}

function pageOf(reports: readonly Report[]): string {
  return [
    '# Results of the benchmark',
    '',
    'Written by `npm run bench`; what is measured and how to read it stands in [the guide](../../docs/guide/benchmarks.md).',
    'A figure holds for the machine and the hour that stand above it. Compare what stands in one table.',
    '',
    ...reports.flatMap(partOf),
  ].join('\n');
}

function partOf(report: Report): string[] {
  const { part, command, at, commit, machine, programs, rows, ratios, reach, leftOut, plots } = report;
  return [
    `## ${part}`,
    '',
    `\`${command}\` on ${at.slice(0, 10)}, commit ${commit}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ` +
      `${machine.system}, load ${machine.loadBefore} before; ${Object.entries(programs)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}.`,
    '',
    ...plots.flatMap(({ name, title }) => [`![${title}](${name}.svg)`, '']),
    ...rowTable(rows.filter(({ at }) => at === undefined)),
    ...sizeTable(rows.filter(({ at }) => at !== undefined)),
    ...tableOf(
      ['ratio of the pairs of each round', 'median', 'min', 'max'],
      ratios.map(({ name, figures }) => [name, ...cellsOf(spreadOf(figures))]),
    ),
    ...tableOf(
      ['wanted', '', 'found', ''],
      reach.map(({ what, wanted, found, reached }) => [
        what,
        wanted,
        round(found),
        reached ? 'reached' : '**not reached**',
      ]),
    ),
    'What each row includes, and what a peer does not do:',
    '',
    ...notesOf(rows).map((note) => `- ${note}.`),
    ...leftOut.map((sentence) => `- Left out: ${sentence}.`),
    '',
  ];
}

function rowTable(rows: readonly Row[]): string[] {
  return tableOf(
    ['', 'unit', 'median', 'min', 'max', 'rounds', 'besides (medians)'],
    rows.map(({ name, unit, figures, besides }) => [
      name,
      unit,
      ...cellsOf(spreadOf(figures)),
      figures.length,
      Object.entries(besides ?? {})
        .map(([key, values]) => `${key} ${round(spreadOf(values).median)}`)
        .join(', '),
    ]),
  );
}

/** Rows of a name beside each other: a column for each of what they were measured at. */
function sizeTable(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.map(({ at }) => at!))];
  const names = [...new Set(rows.map(({ name }) => name))];
  const cell = (name: string, column: string) => {
    const row = rows.find((each) => each.name === name && each.at === column);
    if (row === undefined) return '';
    const [median, min, max] = cellsOf(spreadOf(row.figures));
    return row.figures.length === 1 ? median! : `${median} (${min} to ${max})`;
  };
  return tableOf(
    ['median (least to most)', 'unit', ...columns],
    names.map((name) => [
      name,
      rows.find((row) => row.name === name)!.unit,
      ...columns.map((column) => cell(name, column)),
    ]),
  );
}

function cellsOf({ median, min, max }: Spread): number[] {
  return [median, min, max].map(round);
}

/** Nothing where there are no rows. */
function tableOf(heading: string[], rows: (string | number)[][]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line), ''];
}
