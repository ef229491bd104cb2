/** Timers without waiting: when nothing but the next timer can happen any more, it is due. */
import type { Timers } from '@imprint/station/timers';

/** Turns of the event loop in which everybody else may go on first: whoever answers here answers in microtasks. */
const quietTurns = 2;

export class RushingTimers implements Timers {
  #nowMs = 0;
  #waiting: { atMs: number; action: () => void }[] = [];
  #isTurning = false;

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, action };
    this.#waiting.push(timer);
    if (!this.#isTurning) this.#turn(quietTurns);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== timer);
    };
  }

  #turn(left: number): void {
    this.#isTurning = true;
    setImmediate(() => {
      if (left > 0) return this.#turn(left - 1);
      this.#isTurning = false;
      const [next] = this.#waiting.sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) return;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.action();
      if (this.#waiting.length > 0 && !this.#isTurning) this.#turn(quietTurns);
    });
  }
}
