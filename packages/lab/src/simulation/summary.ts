/** What is kept of a factory that ran, and of many together. */

import { actNames } from './acts-done.ts';
import { type Cell, cellName, faultNames, impossible, phases, possibleCells } from './catalogue.ts';
import type { FactoryReport } from './factory.ts';
import type { Violation } from './model.ts';
import type { Fate } from './worker.ts';

export interface FactorySummary {
  seed: string;
  units: number;
  fates: Record<Fate, number>;
  /** Of boards that were shipped and came back. */
  secondLives: Record<Fate, number>;
  violations: readonly Violation[];
  /** By the name of the cell. */
  tried: Record<string, number>;
  /** Hostile acts, by name. */
  acts: Record<string, number>;
  entries: number;
  events: number;
  simulatedHours: number;
  /** Its process died or hung: it is not to be run again in a process that has to go on. */
  isLost?: true;
}

export function summaryOf(report: FactoryReport): FactorySummary {
  const tried: Record<string, number> = {};
  for (const struck of report.struck) count(tried, cellName(struck), 1);
  const { seed, units, fates, secondLives, violations, acts, entries, events, simulatedHours } = report;
  return { seed, units, fates, secondLives, violations, tried, acts, entries, events, simulatedHours };
}

export interface SeedViolation extends Violation {
  seed: string;
  isLost?: true;
}

/** Many factories as one. */
export class Totals {
  seeds = 0;
  units = 0;
  entries = 0;
  events = 0;
  simulatedHours = 0;
  readonly fates: Record<Fate, number> = { done: 0, 'set-aside': 0, unfinished: 0 };
  readonly secondLives: Record<Fate, number> = { done: 0, 'set-aside': 0, unfinished: 0 };
  readonly violations: SeedViolation[] = [];
  readonly tried: Record<string, number> = {};
  readonly acts: Record<string, number> = {};

  add(summary: FactorySummary): void {
    this.seeds++;
    this.units += summary.units;
    this.entries += summary.entries;
    this.events += summary.events;
    this.simulatedHours += summary.simulatedHours;
    for (const [fate, boards] of Object.entries(summary.fates)) this.fates[fate as Fate] += boards;
    for (const [fate, boards] of Object.entries(summary.secondLives))
      this.secondLives[fate as Fate] += boards;
    for (const [cell, times] of Object.entries(summary.tried)) count(this.tried, cell, times);
    for (const [act, times] of Object.entries(summary.acts)) count(this.acts, act, times);
    const { seed, isLost } = summary;
    this.violations.push(
      ...summary.violations.map((violation) => ({ seed, ...violation, ...(isLost && { isLost }) })),
    );
  }

  get struck(): number {
    return Object.values(this.tried).reduce((sum, times) => sum + times, 0);
  }

  get cellsTried(): number {
    return possibleCells.filter((cell) => this.tried[cellName(cell)] !== undefined).length;
  }

  /** The first violation that can be run again without harm to who runs it. */
  get firstToShrink(): SeedViolation | undefined {
    return this.violations.find(({ isLost }) => !isLost);
  }

  get untriedActs(): string[] {
    return actNames.filter((act) => this.acts[act] === undefined);
  }

  get untried(): Cell[] {
    return possibleCells.filter((cell) => this.tried[cellName(cell)] === undefined);
  }
}

export const cellsImpossible = faultNames.length * phases.length - possibleCells.length;

/** Why cells cannot be tried, each reason with the number of cells that it is for. */
export function reasons(): Map<string, number> {
  const found = new Map<string, number>();
  for (const fault of faultNames) {
    for (const phase of phases) {
      const reason = impossible(fault, phase);
      if (reason !== undefined) found.set(reason, (found.get(reason) ?? 0) + 1);
    }
  }
  return found;
}

function count(counts: Record<string, number>, name: string, times: number): void {
  counts[name] = (counts[name] ?? 0) + times;
}
