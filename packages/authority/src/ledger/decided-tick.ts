/** What a tick came to, and how those who submitted to it hear of it. */

import type { AuditEntry } from '@imprint/contract/audit/entry';
import type { LogMark } from './known-log.ts';
import type { Decision, Reading, TickTime } from './ledger.ts';

/** A decision that was submitted and is not settled. */
export interface Waiting {
  time: TickTime;
  decide: (reading: Reading) => Promise<Decision<unknown>>;
  resolve: (answer: unknown) => void;
  reject: (reason: unknown) => void;
}

/** Hears of the ledger's work, one tick after another; it may not throw, and holds the ledger up for as long as it takes. */
export interface TickObserver {
  begun(): void;
  /** What is durable now. */
  committed(entries: readonly AuditEntry[]): void;
}

/** What a decision comes to, told only once the tick is durable. */
export type Verdict = { reply: () => unknown } | { error: unknown };

export interface DecidedTick {
  verdicts: Verdict[];
  /** In the order of the log. */
  entries: readonly AuditEntry[];
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
