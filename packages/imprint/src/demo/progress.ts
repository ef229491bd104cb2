/** How far the demo is: counts and times of units, fed by what the station says, read by view and summary. */

export interface UnitOutcome {
  unit: number;
  deviceId: string;
  outcome: 'done' | 'quarantined' | 'unfinished';
  /** The reason of a unit that is not done. */
  reason: string | null;
  /** From its first scan to its outcome. */
  seconds: number;
  scans: number;
}

export class Progress {
  readonly total: number;
  readonly outcomes: UnitOutcome[] = [];
  readonly #inWork = new Map<number, { deviceId: string; step: string }>();
  readonly #stepMs = new Map<string, number>();
  readonly #begunMs: number;
  readonly #nowMs: () => number;
  packed = 0;
  failedAttempts = 0;

  constructor(total: number, nowMs: () => number) {
    this.total = total;
    this.#nowMs = nowMs;
    this.#begunMs = nowMs();
  }

  step(lane: number, deviceId: string, step: string): void {
    this.#inWork.set(lane, { deviceId, step });
  }

  leave(lane: number): void {
    this.#inWork.delete(lane);
  }

  spent(durationsMs: Record<string, number>): void {
    for (const [step, ms] of Object.entries(durationsMs)) {
      this.#stepMs.set(step, (this.#stepMs.get(step) ?? 0) + ms);
    }
  }

  end(outcome: UnitOutcome): void {
    this.outcomes.push(outcome);
  }

  count(outcome: UnitOutcome['outcome']): number {
    return this.outcomes.filter((unit) => unit.outcome === outcome).length;
  }

  get inWork(): { lane: number; deviceId: string; step: string }[] {
    return [...this.#inWork].sort(([a], [b]) => a - b).map(([lane, work]) => ({ lane, ...work }));
  }

  get seconds(): number {
    return (this.#nowMs() - this.#begunMs) / 1000;
  }

  get unitsASecond(): number {
    return this.seconds > 0 ? this.outcomes.length / this.seconds : 0;
  }

  /** Seconds until the last unit at the present rate, or null before the first. */
  get secondsLeft(): number | null {
    const rate = this.unitsASecond;
    return rate > 0 ? (this.total - this.outcomes.length) / rate : null;
  }

  /** Milliseconds by step over all attempts, the longest first. */
  get steps(): [string, number][] {
    return [...this.#stepMs].sort(([, a], [, b]) => b - a);
  }

  /** The given share of done units took at most this many seconds. */
  unitSeconds(share: number): number {
    const sorted = this.outcomes
      .filter((unit) => unit.outcome === 'done')
      .map((unit) => unit.seconds)
      .sort((a, b) => a - b);
    return sorted.length === 0
      ? 0
      : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
  }
}
