/** What a tick came to, and how those who submitted to it hear of it. */

import type { LogMark } from './known-log.ts';
import type { Decision, Reading, TickTime } from './ledger.ts';

/** A decision that was submitted and is not settled. */
export interface Waiting {
  time: TickTime;
  decide: (reading: Reading) => Promise<Decision<unknown>>;
  resolve: (answer: unknown) => void;
  reject: (reason: unknown) => void;
}

/** What a decision comes to, told only once the tick is durable. */
export type Verdict = { reply: () => unknown } | { error: unknown };

export interface DecidedTick {
  verdicts: Verdict[];
  /** The log with this tick; undefined where it wrote no entry. */
  written: LogMark | undefined;
}

/** The connection ended while a tick was being committed: the log tells whether it was. */
export class CommitInDoubt extends Error {
  readonly tick: DecidedTick;
  constructor(tick: DecidedTick, cause: unknown) {
    super('the answer to a commit was lost', { cause });
    this.tick = tick;
  }
}

export function settle(waiting: Waiting, verdict: Verdict): void {
  try {
    if ('error' in verdict) waiting.reject(verdict.error);
    else waiting.resolve(verdict.reply());
  } catch (error) {
    waiting.reject(error);
  }
}
