/** A broken invariant, by its number, and the collection that the parts of the model put theirs into. */
import type { World } from '../world.ts';

export interface Violation {
  /** As in `I-7`. */
  invariant: string;
  what: string;
  atMs: number;
}

export class Violations {
  readonly list: Violation[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  add(invariant: string, what: string): void {
    this.list.push({ invariant, what: what.slice(0, 600), atMs: this.#world.nowMs });
  }

  /** Adds one where `holds` is false. */
  unless(holds: boolean, invariant: string, what: () => string): void {
    if (!holds) this.add(invariant, what());
  }
}
