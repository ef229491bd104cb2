/** Yield of this station since it was started, counted from what each attempt came to: first pass, retested, failed, set aside. */
import type { YieldCounts } from './line-event.ts';
import type { Outcome } from './procedure.ts';

export class YieldCounter {
  readonly #counts: YieldCounts = { first_pass: 0, retested: 0, failed: 0, quarantined: 0 };
  readonly #failedBefore = new Set<string>();

  /** The counts with this outcome; undefined where it is none that counts (a visit between, a unit finished before). */
  add(outcome: Outcome): YieldCounts | undefined {
    const id = outcome.device_id ?? '';
    if (outcome.event === 'passed') {
      if (outcome.state !== 'done' || outcome.already) return undefined;
      this.#counts[this.#failedBefore.delete(id) ? 'retested' : 'first_pass']++;
    } else {
      const isOut = outcome.consequence === 'quarantine' || outcome.attempts_left === 0;
      this.#counts[isOut ? 'quarantined' : 'failed']++;
      if (outcome.device_id !== null) this.#failedBefore.add(id);
    }
    return { ...this.#counts };
  }
}
