/**
 * A database whose tables are rebuilt once and then read in the order of their keys: nothing of it is durable, it forbids what
 * the tables forbid, and finds by their keys alone.
 */
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RealmName } from '@imprint/contract/audit/entry';
import Database from 'better-sqlite3';
import { Kysely } from 'kysely';
import { createTables } from '../schema.ts';
import type { Tables } from '../tables.ts';
import { DirectSqliteDialect } from './direct-dialect.ts';
import { sqliteFlavor } from './open-sqlite.ts';
import { preparedDatabase } from './prepared-database.ts';

/** What is written at random places of a million devices stays in it: the hashes of their keys and certificates. */
const cacheKiB = 393_216;

export interface RebuildSqlite {
  /** In one transaction from the start: a statement that fails leaves it unusable. */
  readonly db: Kysely<Tables>;
  /** Ends the transaction, so that others who have the file open can read it. */
  commit(): void;
  close(): void;
}

/** An empty one in `file`, or in one that has no name and ends with its connection. */
export async function openRebuildSqlite(realm: RealmName, file = ''): Promise<RebuildSqlite> {
  const database = new Database(file);
  database.pragma('journal_mode = OFF');
  database.pragma('synchronous = OFF');
  database.pragma(`cache_size = -${cacheKiB}`);
  const db = kyselyOf(database);
  database.exec('begin');
  await createTables(db, sqliteFlavor, realm);
  return { db, commit: () => void database.exec('commit'), close: () => void database.close() };
}

/** A file for a database that another thread rebuilds, and that is read here afterwards. */
export class SharedRebuildFile {
  readonly #folder: string;
  #database: Database.Database | undefined;

  constructor() {
    this.#folder = mkdtempSync(join(temporaryFolder(), 'imprint-rebuild-'));
    closeSync(openSync(this.path, 'wx', 0o600));
  }

  get path(): string {
    return join(this.#folder, 'rebuild.db');
  }

  /** What was committed in it. */
  read(): Kysely<Tables> {
    this.#database ??= new Database(this.path, { readonly: true });
    return kyselyOf(this.#database);
  }

  close(): void {
    this.#database?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function kyselyOf(database: Database.Database): Kysely<Tables> {
  return new Kysely({ dialect: new DirectSqliteDialect({ database: preparedDatabase(database) }) });
}

/** Where SQLite puts its own (https://sqlite.org/tempfiles.html, 5): what is rebuilt may be larger than a folder in memory. */
function temporaryFolder(): string {
  const named = process.env.SQLITE_TMPDIR ?? process.env.TMPDIR;
  return named ?? (existsSync('/var/tmp') ? '/var/tmp' : tmpdir());
}
