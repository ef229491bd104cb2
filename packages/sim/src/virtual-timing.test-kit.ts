/** A clock for tests that stands still until it is told to go on. */
import type { Timing } from './timing.ts';

export class VirtualTiming implements Timing {
  #nowMs = 0;
  #timers: { atMs: number; resolve: () => void }[] = [];
  /** How much later than asked for each timer fires. */
  lateMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timers.push({ atMs: this.#nowMs + ms + this.lateMs, resolve });
    });
  }

  /** Lets time pass from timer to timer until none is set, or none before `untilMs`. */
  async run(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      if (this.#timers.length === 0 || this.#timers[0]!.atMs > untilMs) break;
      const { atMs, resolve } = this.#timers.shift()!;
      this.#nowMs = Math.max(this.#nowMs, atMs);
      resolve();
    }
    if (untilMs !== Number.POSITIVE_INFINITY) this.#nowMs = Math.max(this.#nowMs, untilMs);
  }
}
