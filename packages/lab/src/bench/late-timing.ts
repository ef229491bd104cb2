/**
 * The time of a simulated unit, and by how much its timers fired late: a timer of a program has a grain of a millisecond,
 * which a unit's own clock and wire do not have. What is later than that grain is the machine's load and is not counted.
 */
import { realTiming, type Timing } from '@imprint/sim/timing';

/** A timer rounds its time up, and the loop turns once more before it fires. */
const grainMs = 2;
/** A wait that begins so soon after the last one is a further piece of the same line, which makes up for what was late. */
const samePieceMs = 0.1;

export class LateTiming implements Timing {
  lateMs = 0;
  readonly #inner: Timing;
  #lastLateMs = 0;
  #lastEndMs = Number.NEGATIVE_INFINITY;

  constructor(inner: Timing = realTiming) {
    this.#inner = inner;
  }

  nowMs(): number {
    return this.#inner.nowMs();
  }

  async delay(ms: number): Promise<void> {
    const begunMs = this.nowMs();
    if (begunMs - this.#lastEndMs < samePieceMs) this.lateMs -= this.#lastLateMs;
    await this.#inner.delay(ms);
    this.#lastEndMs = this.nowMs();
    this.#lastLateMs = Math.min(Math.max(this.#lastEndMs - begunMs - ms, 0), grainMs);
    this.lateMs += this.#lastLateMs;
  }
}
