/**
 * The one way in which anything changes: a decision reads the tables inside the tick's transaction and answers with
 * the entries to append. Entries and their projection commit together; nobody hears of it before they are durable.
 */
import type { Actor, EntryData, EntryType } from '@imprint/contract/audit/entry';
import type { Permission } from '@imprint/contract/permission';
import type { Kysely, Transaction } from 'kysely';
import type { Tables } from '../storage/tables.ts';

/** An entry before the ledger gives it its time and salt. */
export type Draft = { [T in EntryType]: { type: T; actor: Actor; data: EntryData<T> } }[EntryType];

export interface Reading {
  tx: Transaction<Tables>;
  /** The authority's time of this tick: the time of every entry that the decision drafts. */
  now: Date;
  /** `now` as ISO 8601 UTC with milliseconds. */
  at: string;
  /**
   * Throws where whoever acts has not this permission as well, by the means by which they act: a token carries less than its account.
   * Absent where the program acts by itself.
   */
  permits?: (permission: Permission) => Promise<void>;
}

export interface Decision<T> {
  /** Appended in this order. May be empty, for a request that finds its work done. */
  entries: Draft[];
  /** Writes to ephemeral tables (nonces, request outcomes), in the same transaction. */
  remember?: (tx: Transaction<Tables>) => Promise<void>;
  /** The answer, given the log index of the first entry drafted. */
  reply: (firstIndex: number) => T;
}

export interface LogHead {
  size: number;
  /** 32 bytes. */
  root: Uint8Array;
}

/**
 * What time a decision is taken at (I-8):
 * - `clock`: the clock's, where it can be trusted; nothing is written where it jumped, or stands behind the log;
 * - `of-last-entry`: the time of the log's last entry, for what must be said while no clock can be trusted;
 * - `accepted`: the clock's, whatever the log says: a person vouches for it, and the log's time goes on from there.
 */
export type TickTime = 'clock' | 'of-last-entry' | 'accepted';

/**
 * Obligations of every implementation:
 * - `submit` resolves only after entries, projection and `remember` are durable (fsynced), all or none of them.
 * - Decisions of one tick run one after another, each seeing what the earlier ones wrote.
 * - A decision that throws before answering has changed nothing, and does not disturb the others in its tick.
 * - A decision whose entries or `remember` break a rule of the tables is undone alone and rejected; the others stand.
 * - `decide` may be called again before it is answered (another process was first, or another decision of the tick had
 *   to be undone): only its last answer counts, so it changes nothing outside. `reply` is called once, after the commit.
 * - After a failed commit nothing more is written until the process starts anew; reading goes on.
 * - A commit whose answer was lost with the connection has not failed: the next connection finds it in the log, or does it
 *   again, once. What cannot be found out in a bounded time is a failure of the storage.
 * - A database that fell behind what this process has seen committed is not written on (`log_inconsistent`).
 * - A failure of the storage rejects every decision of the tick with `storage_failed`; whether the commit had
 *   happened is then unknown, and the caller's retry must find out from the tables.
 * - The head advances by compare-and-swap, so that several processes may share one database.
 */
export interface Ledger {
  submit<T>(decide: (reading: Reading) => Promise<Decision<T>>, time?: TickTime): Promise<T>;
  /** The committed head. */
  head(): Promise<LogHead>;
  /** A connection for reads only, which sees what is committed. */
  readonly reader: Kysely<Tables>;
}
