/** Timers for tests: whenever nothing else is going on, the clock jumps to the next one that is due. */
import type { Timers } from './timers.ts';

/** Event loop turns without a new timer after which the clock jumps; answers that come in microtasks are faster. */
const idleTurns = 4;

export class RushedTimers implements Timers {
  #nowMs = 0;
  #waiting: { atMs: number; action: () => void }[] = [];
  #idle = 0;
  #pumping = false;

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, action };
    this.#waiting.push(entry);
    this.#waiting.sort((a, b) => a.atMs - b.atMs);
    this.#idle = 0;
    this.#pump();
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const turn = () => {
      if (this.#waiting.length === 0) {
        this.#pumping = false;
        return;
      }
      this.#idle++;
      if (this.#idle > idleTurns) {
        const next = this.#waiting.shift()!;
        this.#nowMs = Math.max(this.#nowMs, next.atMs);
        this.#idle = 0;
        next.action();
      }
      setImmediate(turn);
    };
    setImmediate(turn);
  }
}
