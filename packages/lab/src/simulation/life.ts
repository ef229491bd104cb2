/**
 * The life of one process in the simulation. A killed process does nothing any more: what it waits for never comes, what
 * it asks of its disk ends in its death, and nobody hears what it still says.
 */
import type { Timers } from '@imprint/station/timers';
import type { World } from './world.ts';

/** Thrown through a process that dies in the middle of a call; nothing outside catches it. */
export class ProcessKilled extends Error {
  override name = 'ProcessKilled';
}

export class Life {
  readonly #world: World;
  readonly #mourners: (() => void)[] = [];
  #alive = true;
  #frozenUntilMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** -9: between two instructions. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const mourn of this.#mourners) mourn();
  }

  onDeath(mourn: () => void): void {
    this.#mourners.push(mourn);
  }

  /** It does nothing for so long, and then goes on as if no time had passed: a machine that was halted. */
  freeze(ms: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#world.nowMs + ms);
  }

  get isFrozen(): boolean {
    return this.#frozenUntilMs > this.#world.nowMs;
  }

  /** Runs `act` as soon as the process can do anything: at once, when it is not frozen any more, or never. */
  reach(act: () => void): void {
    if (!this.#alive) return;
    const frozenMs = this.#frozenUntilMs - this.#world.nowMs;
    if (frozenMs > 0) this.#world.after(frozenMs, () => this.reach(act));
    else act();
  }

  /** Runs `act` later, if the process lives then. */
  after(delayMs: number, act: () => void): () => void {
    let isTakenBack = false;
    const takeBack = this.#world.after(delayMs, () =>
      this.reach(() => {
        if (!isTakenBack) act();
      }),
    );
    return () => {
      isTakenBack = true;
      takeBack();
    };
  }

  every(periodMs: number, act: () => void): void {
    this.after(periodMs, () => {
      act();
      this.every(periodMs, act);
    });
  }

  readonly timers: Timers = {
    nowMs: () => this.#world.nowMs,
    after: (delayMs, action) => this.after(delayMs, action),
  };
}
