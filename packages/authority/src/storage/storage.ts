/**
 * The port to a database: one connection that writes, others that only read. What the ledger must know of the engine's
 * errors is answered here, so that no caller reads an engine's codes.
 */
import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/**
 * What an error of the engine means for the ledger.
 * - `refused`: a constraint of the tables stands against this write; the database is well.
 * - `raced`: another process was first (serialization abort); nothing was written, and trying again at once is right.
 * - `busy`: another process holds the database for too long; nothing was written.
 * - `full`: no room; nothing was written.
 * - `lost`: the connection ended. Before the commit nothing was written; of a commit that was under way the log tells,
 *   to the next transaction: it begins only when that one has ended.
 * - `broken`: reading, writing or syncing failed: what is on the disk is unknown until the database is opened anew.
 * - `foreign`: no error of the engine.
 */
export type StorageFault = 'refused' | 'raced' | 'busy' | 'full' | 'lost' | 'broken' | 'foreign';

/**
 * Obligations of every implementation:
 * - a transaction of `writer` begins by taking the right to write, so that what it reads cannot go stale before it
 *   commits, and its commit returns only when it is durable (fsynced);
 * - a connection of `writer` that was lost is opened anew by the next transaction, for a bounded time; where that does not
 *   succeed, the transaction fails with `storage_failed`;
 * - `reader` sees what is committed, never waits for the writer, and cannot write.
 */
export interface Storage {
  /** One connection, and the ledger's alone: a second user would find itself inside the ledger's transaction. */
  readonly writer: Kysely<Tables>;
  readonly reader: Kysely<Tables>;
  /** A further connection for reads, for whoever holds a long transaction; the caller destroys it. */
  openReader(): Kysely<Tables>;
  /**
   * The clock of the database's server, read inside a transaction: the one that every process on it can be held against.
   * Absent where the engine runs in this process and has no other clock.
   */
  serverClock?(tx: Kysely<Tables>): Promise<Date>;
  fault(error: unknown): StorageFault;
  /** What the engine itself finds wrong with what it keeps, in its own words; null where all of it can be read. */
  damage(): Promise<string | null>;
  close(): Promise<void>;
}
