/**
 * A plot as SVG text, made by Observable Plot without a browser. What it shows is said in words as well as in colour, every
 * median stands between its least and its most, and it is readable on a dark page: it brings its own background.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { spreadOf } from './figures.ts';

/** Whose a figure is. */
export type Side = 'Imprint' | 'peer' | 'limit';

/** Several things beside each other, of one unit. */
export interface BarPlot {
  kind: 'bars';
  /** Names its file. */
  name: string;
  title: string;
  unit: string;
  bars: { label: string; side: Side; figures: number[] }[];
  /** What is wanted, drawn as a line. */
  wanted?: { label: string; value: number };
}

/** How something grows with the number of devices; both axes are logarithmic. */
export interface GrowthPlot {
  kind: 'growth';
  name: string;
  title: string;
  unit: string;
  lines: { label: string; points: { devices: number; figures: number[] }[] }[];
}

export type PlotData = BarPlot | GrowthPlot;

/** Colours that people with any colour vision tell apart (Okabe and Ito). */
const colours: Record<Side, string> = { Imprint: '#0072b2', peer: '#d55e00', limit: '#555555' };
const lineColours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#555555', '#a6761d', '#7570b3', '#1b1b1b'];
const namespace = 'http://www.w3.org/2000/svg';
const ink = '#222222';
const style = { fontFamily: 'DejaVu Sans, Verdana, sans-serif', fontSize: '13px', color: ink };
const width = 960;
const labelWidth = 310;
const rowHeight = 34;
const characterWidth = 8;

/** The plot as the text of an SVG file. */
export function plotSvg(plot: PlotData): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const options = plot.kind === 'bars' ? barOptions(plot) : growthOptions(plot);
  const svg = Plot.plot({ ...options, document, width, style });
  svg.setAttribute('xmlns', namespace);
  // below the axes too, which come before all marks
  const background = document.createElementNS(namespace, 'rect');
  for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: '#ffffff' })) {
    background.setAttribute(name, value);
  }
  svg.insertBefore(background, svg.firstChild);
  return `${svg.outerHTML}\n`;
}

function barOptions({ title, unit, bars, wanted }: BarPlot): Plot.PlotOptions {
  const rows = bars.map(({ label, side, figures }) => ({ label, side, ...spreadOf(figures) }));
  const sides = (Object.keys(colours) as Side[]).filter((side) => bars.some((bar) => bar.side === side));
  const most = Math.max(...rows.map(({ max }) => max), wanted?.value ?? 0);
  const longest = Math.max(...rows.map(({ label }) => label.length));
  const marginLeft = Math.max(labelWidth, longest * characterWidth);
  return {
    height: 110 + rowHeight * rows.length,
    marginLeft,
    marginTop: 64,
    marginBottom: 46,
    marginRight: 24,
    x: { domain: [0, most * 1.18], grid: true, label: `${unit} (point: median; bar: least to most)` },
    y: { domain: rows.map(({ label }) => label), label: null, tickSize: 0 },
    marks: [
      heading(title, marginLeft),
      ...sides.map((side, at) =>
        Plot.text([`● ${side}`], {
          frameAnchor: 'top-left',
          dx: at * 12 * characterWidth,
          dy: -28,
          fill: colours[side],
        }),
      ),
      Plot.ruleX([0]),
      ...(wanted === undefined ? [] : wantedMarks(wanted)),
      Plot.ruleY(rows, {
        y: 'label',
        x1: 'min',
        x2: 'max',
        stroke: ({ side }: { side: Side }) => colours[side],
        strokeWidth: 5,
        strokeOpacity: 0.45,
      }),
      Plot.dot(rows, { y: 'label', x: 'median', r: 5, fill: ({ side }: { side: Side }) => colours[side] }),
      Plot.text(rows, {
        y: 'label',
        x: 'max',
        text: ({ median }: { median: number }) => shown(median),
        dx: 10,
        textAnchor: 'start',
      }),
    ],
  };
}

function wantedMarks({ label, value }: { label: string; value: number }): Plot.Markish[] {
  return [
    Plot.ruleX([value], { stroke: ink, strokeDasharray: '4 3' }),
    Plot.text([label], { x: value, frameAnchor: 'top', textAnchor: 'start', dx: 4, dy: -10, fill: ink }),
  ];
}

function growthOptions({ title, unit, lines }: GrowthPlot): Plot.PlotOptions {
  const points = lines.flatMap(({ label, points }) =>
    points.map(({ devices, figures }) => ({ label, devices, ...spreadOf(figures) })),
  );
  const sizes = [...new Set(points.map(({ devices }) => devices))].sort((a, b) => a - b);
  const least = Math.min(...points.map(({ min }) => min));
  const most = Math.max(...points.map(({ max }) => max));
  const colour = ({ label }: { label: string }) =>
    lineColours[lines.findIndex((line) => line.label === label) % lineColours.length]!;
  const ends = apart(points.filter(({ devices }) => devices === sizes.at(-1)));
  return {
    height: 420,
    marginLeft: 70,
    marginTop: 56,
    marginBottom: 50,
    marginRight: labelWidth,
    x: {
      type: 'log',
      domain: [sizes[0]!, sizes.at(-1)!],
      ticks: sizes,
      tickFormat: (devices: number) => devices.toLocaleString('en'),
      label: 'devices in registry and log',
      labelAnchor: 'center',
      inset: 12,
    },
    y: { type: 'log', domain: [least / 1.5, most * 1.5], grid: true, label: null, tickFormat: shown },
    marks: [
      heading(title, 70),
      Plot.text([`${unit} (point: median; bar: least to most)`], {
        frameAnchor: 'top-left',
        dx: 16 - 70,
        dy: -26,
      }),
      Plot.line(points, { x: 'devices', y: 'median', z: 'label', stroke: colour, strokeWidth: 2 }),
      Plot.ruleX(points, {
        x: 'devices',
        y1: 'min',
        y2: 'max',
        stroke: colour,
        strokeWidth: 5,
        strokeOpacity: 0.45,
      }),
      Plot.dot(points, { x: 'devices', y: 'median', fill: colour, r: 4 }),
      ...ends.map((end) =>
        Plot.text([end], {
          x: 'devices',
          y: 'at',
          text: ({ label, median }: { label: string; median: number }) => `${label}: ${shown(median)}`,
          fill: colour(end),
          dx: 12,
          textAnchor: 'start',
        }),
      ),
    ],
  };
}

/** Where the label of each line's end goes, so that none lies on another: on a logarithmic axis a step is a factor. */
function apart<End extends { median: number }>(ends: readonly End[]): (End & { at: number })[] {
  const spread =
    Math.max(...ends.map(({ median }) => median)) / Math.min(...ends.map(({ median }) => median));
  const step = Math.max(1.12, spread ** (1 / 16));
  let below = 0;
  return [...ends]
    .sort((a, b) => a.median - b.median)
    .map((end) => {
      const at = Math.max(end.median, below * step);
      below = at;
      return { ...end, at };
    });
}

function heading(title: string, marginLeft: number): Plot.Markish {
  return Plot.text([title], {
    frameAnchor: 'top-left',
    dx: 16 - marginLeft,
    dy: -50,
    fontWeight: 'bold',
    fontSize: 15,
    textAnchor: 'start',
  });
}

function shown(value: number): string {
  return value >= 1_000
    ? Math.round(value).toLocaleString('en')
    : value.toLocaleString('en', { maximumSignificantDigits: 3 });
}
