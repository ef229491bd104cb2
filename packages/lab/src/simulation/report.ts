/** What a run of many factories has to say, for people and for programs. */
import { actNames } from './acts-done.ts';
import { cellName, faultNames, impossible, phases } from './catalogue.ts';
import { cellsImpossible, reasons, type Totals } from './summary.ts';

const nameWidth = 30;
const columnWidth = 9;
const violationsShown = 10;

/** The table of faults and phases: how often each was tried, and a dot where it cannot be. */
export function coverageText(totals: Totals): string {
  const head = `${''.padEnd(nameWidth)}${phases.map((phase) => phase.padStart(columnWidth)).join('')}`;
  const rows = faultNames.map((fault) => {
    const cells = phases.map((phase) => {
      const tried = totals.tried[cellName({ fault, phase })];
      const text = tried?.toString() ?? (impossible(fault, phase) === undefined ? 'NEVER' : '·');
      return text.padStart(columnWidth);
    });
    return `${fault.padEnd(nameWidth)}${cells.join('')}`;
  });
  const why = [...reasons()].map(([reason, cells]) => `  ${cells.toString().padStart(4)} because ${reason}`);
  const acts = [...actNames]
    .sort()
    .map((act) => `  ${(totals.acts[act]?.toString() ?? 'NEVER').padStart(6)} ${act}`);
  return [
    head,
    ...rows,
    '',
    `· cannot be, ${cellsImpossible} cells:`,
    ...why,
    '',
    'Hostile units and stations, and how often each did what it does:',
    ...acts,
    '',
  ].join('\n');
}

export function verdictText(totals: Totals, seconds: number): string {
  const { fates, secondLives, untried } = totals;
  const rate = Math.round(totals.units / seconds);
  return [
    `${totals.units} boards in ${totals.seeds} factories: ${fates.done} done, ${fates['set-aside']} set aside, ${fates.unfinished} unfinished; ${secondLives.done} came back and were made anew.`,
    `${totals.struck} faults struck; ${totals.cellsTried} cells tried, ${cellsImpossible} cannot be, ${untried.length} never tried; ${actNames.length - totals.untriedActs.length} of ${actNames.length} hostile acts.`,
    `${totals.entries} log entries, ${totals.events} events, ${totals.simulatedHours.toFixed(1)} hours of the factories in ${seconds.toFixed(1)} s (${rate} boards a second).`,
    totals.violations.length === 0
      ? 'No invariant was broken.'
      : `${totals.violations.length} violations, the first: ${totals.violations[0]!.invariant} in seed ${totals.violations[0]!.seed}.`,
    '',
  ].join('\n');
}

/** What was broken in each seed, and the command that shows it again; of very many, the first. */
export function violationsText(totals: Totals, units: number): string {
  const shown = totals.violations.slice(0, violationsShown);
  return shown
    .map(
      ({ invariant, seed, what }) =>
        `${invariant} in seed ${seed}: ${what}\n  npm run lab -- --seed ${seed} --units ${units} --verbose\n`,
    )
    .join('');
}

export function reportJson(totals: Totals, seconds: number): string {
  const { units, violations, cellsTried, untried, seeds, fates, secondLives, struck, entries, events, acts } =
    totals;
  return JSON.stringify({
    units,
    violations,
    cellsTried,
    cellsImpossible,
    seconds: Math.round(seconds * 10) / 10,
    seeds,
    fates,
    secondLives,
    faultsStruck: struck,
    untried: [...untried.map(cellName), ...totals.untriedActs],
    acts,
    entries,
    events,
    simulatedHours: Math.round(totals.simulatedHours * 10) / 10,
  });
}
