/**
 * What came of all points: counted by part, class and fault, and every broken promise with the point that shows it. It is
 * told in the order of the plan, in whatever order points were tried.
 */
import { type Point, pointName } from './points.ts';

export interface Violation {
  /** The points that were tried since the last judgement, the last of them the likeliest. */
  points: string[];
  message: string;
}

export class Tally {
  readonly #violations: Violation[] = [];
  readonly #outcomes = new Map<string, Map<string, number>>();
  readonly #places: Map<string, number>;
  tried = 0;

  constructor(plan: readonly Point[] = []) {
    for (const point of plan) this.#outcomesOf(point);
    this.#places = new Map(plan.map((point, place) => [pointName(point), place]));
  }

  add(point: Point, outcome: string): void {
    this.tried++;
    const outcomes = this.#outcomesOf(point);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }

  violated(points: readonly Point[], error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#violations.push({ points: points.map(pointName), message });
  }

  get violations(): Violation[] {
    const place = ({ points }: Violation) => this.#places.get(points.at(-1)!) ?? 0;
    return this.#violations.toSorted((a, b) => place(a) - place(b));
  }

  /** By part, class and fault: how many points came to what. */
  rows(): { part: string; class: string; fault: string; outcomes: Record<string, number> }[] {
    return [...this.#outcomes]
      .filter(([, outcomes]) => outcomes.size > 0)
      .map(([row, outcomes]) => {
        const [part, name, fault] = row.split(' ') as [string, string, string];
        return { part, class: name, fault, outcomes: Object.fromEntries([...outcomes].sort()) };
      });
  }

  #outcomesOf({ part, class: name, fault }: Point): Map<string, number> {
    const row = `${part} ${name} ${fault}`;
    const outcomes = this.#outcomes.get(row) ?? new Map<string, number>();
    this.#outcomes.set(row, outcomes);
    return outcomes;
  }
}
