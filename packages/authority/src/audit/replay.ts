/**
 * Rebuilds every projected table from entry 0 in a scratch database, by the very code that wrote the live ones, and
 * holds the two against each other (I-15).
 */
import { type AuditEntry, decodeEntry, type RealmName } from '@imprint/contract/audit/entry';
import type { Kysely } from 'kysely';
import { project } from '../ledger/projection.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import type { LogEntryTable, Tables } from '../storage/tables.ts';
import { compareTables } from './compare-tables.ts';
import { type Finding, Findings } from './finding.ts';
import { logEntries } from './log-entries.ts';

export interface ReplayReport {
  entries: number;
  /** Differences found, the first of them in `findings`. */
  differences: number;
  findings: Finding[];
}

/** Replays the log of `reader` and compares. The caller holds a snapshot, so that both are of one moment. */
export async function replay(reader: Kysely<Tables>, realm: RealmName): Promise<ReplayReport> {
  const findings = new Findings();
  const rebuilding = await Rebuilding.begin(realm);
  try {
    let entries = 0;
    try {
      for await (const row of logEntries(reader)) {
        entries++;
        await rebuilding.add(readEntry(row), row.log_index);
      }
      await rebuilding.compareWith(reader, findings);
    } catch (error) {
      findings.add(notReplayable(error));
    }
    return { entries, differences: findings.total, findings: findings.list };
  } finally {
    await rebuilding.close();
  }
}

/** An entry that cannot be read, or that the tables do not allow after those before it. */
class BadEntry extends Error {
  readonly index: number;
  constructor(index: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.index = index;
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

function readEntry(row: LogEntryTable): AuditEntry {
  try {
    return decodeEntry(row.bytes);
  } catch (cause) {
    throw new BadEntry(row.log_index, cause);
  }
}

const entriesPerTransaction = 500;

/** The scratch database as it grows: entries are projected a few hundred to a transaction. */
export class Rebuilding {
  readonly #storage: Storage;
  #pending: { entry: AuditEntry; index: number }[] = [];

  private constructor(storage: Storage) {
    this.#storage = storage;
  }

  static async begin(realm: RealmName): Promise<Rebuilding> {
    return new Rebuilding(await openScratchSqlite(realm));
  }

  async add(entry: AuditEntry, index: number): Promise<void> {
    this.#pending.push({ entry, index });
    if (this.#pending.length >= entriesPerTransaction) await this.#flush();
  }

  async compareWith(live: Kysely<Tables>, findings: Findings): Promise<void> {
    await this.#flush();
    await compareTables(live, this.#storage.reader, findings);
  }

  async close(): Promise<void> {
    await this.#storage.close();
  }

  async #flush(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    await this.#storage.writer.transaction().execute(async (tx) => {
      for (const { entry, index } of batch) {
        try {
          await project(tx, entry, index);
        } catch (cause) {
          throw new BadEntry(index, cause);
        }
      }
    });
  }
}
