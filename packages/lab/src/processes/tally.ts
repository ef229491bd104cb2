/** What came of all points: counted by part, class and fault, and every broken promise with the point that shows it. */
import { type Point, pointName } from './points.ts';

export interface Violation {
  /** The points that were tried since the last judgement, the last of them the likeliest. */
  points: string[];
  message: string;
}

export class Tally {
  readonly violations: Violation[] = [];
  readonly #outcomes = new Map<string, Map<string, number>>();
  tried = 0;

  add(point: Point, outcome: string): void {
    this.tried++;
    const row = `${point.part} ${point.class} ${point.fault}`;
    const outcomes = this.#outcomes.get(row) ?? new Map<string, number>();
    this.#outcomes.set(row, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
  }

  violated(points: readonly Point[], error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.violations.push({ points: points.map(pointName), message });
  }

  /** By part, class and fault: how many points came to what. */
  rows(): { part: string; class: string; fault: string; outcomes: Record<string, number> }[] {
    return [...this.#outcomes].map(([row, outcomes]) => {
      const [part, name, fault] = row.split(' ') as [string, string, string];
      return { part, class: name, fault, outcomes: Object.fromEntries(outcomes) };
    });
  }
}
