/**
 * Rebuilds every projected table from entry 0 in a database of its own, by the very code that wrote the live ones, and holds
 * the two against each other (I-15).
 */
import type { AuditEntry, RealmName } from '@imprint/contract/audit/entry';
import type { Kysely } from 'kysely';
import { project } from '../ledger/projection.ts';
import { openRebuildSqlite, type RebuildSqlite } from '../storage/sqlite/rebuild-sqlite.ts';
import type { Tables } from '../storage/tables.ts';
import { compareTables } from './compare-tables.ts';
import type { Finding, Findings } from './finding.ts';
import type { StoredEntry } from './log-entries.ts';

/** The tables as the log says that they are, as it is read. After a {@link BadEntry} only `close` is right. */
export interface Rebuilding {
  /** `entry` is what the row holds. @throws BadEntry for this entry or an earlier one */
  add(row: StoredEntry, entry: AuditEntry): Promise<void>;
  /** Adds a finding for each row of `live` that is not what the log says. @throws BadEntry */
  compareWith(live: Kysely<Tables>, findings: Findings): Promise<void>;
  close(): Promise<void>;
}

/** An entry that cannot be read, or that the tables do not allow after those before it. */
export class BadEntry extends Error {
  readonly index: number;
  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }

  static because(index: number, cause: unknown): BadEntry {
    return new BadEntry(index, cause instanceof Error ? cause.message : String(cause));
  }
}

/** The finding for an entry at which a replay ended. Whatever is no fault of an entry is thrown on. */
export function notReplayable(error: unknown): Finding {
  if (!(error instanceof BadEntry)) throw error;
  return {
    table: 'log_entry',
    row: `log_index=${error.index}`,
    what: `cannot follow on those before it, so the tables are not compared: ${error.message}`,
  };
}

/** Rebuilds in this thread. */
export class RebuildingHere implements Rebuilding {
  readonly #rebuilt: RebuildSqlite;

  private constructor(rebuilt: RebuildSqlite) {
    this.#rebuilt = rebuilt;
  }

  /** In a file, where one is named. */
  static async begin(realm: RealmName, file?: string): Promise<RebuildingHere> {
    return new RebuildingHere(await openRebuildSqlite(realm, file));
  }

  async add({ log_index }: Pick<StoredEntry, 'log_index'>, entry: AuditEntry): Promise<void> {
    try {
      await project(this.#rebuilt.db, entry, log_index);
    } catch (cause) {
      throw BadEntry.because(log_index, cause);
    }
  }

  async compareWith(live: Kysely<Tables>, findings: Findings): Promise<void> {
    await compareTables(live, this.#rebuilt.db, findings);
  }

  /** Lets others read the file. */
  commit(): void {
    this.#rebuilt.commit();
  }

  async close(): Promise<void> {
    this.#rebuilt.close();
  }
}
