/**
 * A realm's database as one SQLite file: WAL, fsync at every commit, one writing connection and read-only ones beside
 * it. A file of another realm or schema version, or one that others may read, is refused before anything else is read.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RealmName } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';
import { Kysely, sql } from 'kysely';
import { createSchema, schemaVersion } from '../schema.ts';
import type { Storage, StorageFault } from '../storage.ts';
import type { Tables } from '../tables.ts';
import { DirectSqliteDialect } from './direct-dialect.ts';
import { ImmediateSqliteDialect } from './immediate-dialect.ts';
import { preparedDatabase } from './prepared-database.ts';
import { readerDatabase } from './reader-database.ts';

const busyTimeoutMs = 10_000;

/** KiB of pages that a connection keeps, and pages that the WAL may hold before they are copied into the database. */
const cacheKiB = 65_536;
const walPages = 4_000;

/** What of the schema is said in SQLite's way. */
export const sqliteFlavor = {
  bytes: 'blob',
  tableOptions: sql`strict`,
  keyedTableOptions: sql`strict, without rowid`,
} as const;

/**
 * Opens the database in `file`.
 * @throws home_missing where there is none, realm_mismatch, storage_failed (another schema version, not a database),
 * path_refused (others on this machine may open it)
 */
export async function openSqlite(file: string, realm: RealmName): Promise<Storage> {
  if (!existsSync(file)) {
    throw new ImprintError('home_missing', `there is no database at ${file}`, {
      hint: 'Make the authority first: imprint init.',
    });
  }
  refuseOpenMode(file);
  const storage = openConnections(file);
  try {
    checkMark(storage.database, file, realm);
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/**
 * Makes a new, empty database in `file` (mode 0600, in a folder of mode 0700) and opens it.
 * @throws home_exists where the file is there already; what the disk says where it fails
 */
export async function createSqlite(file: string, realm: RealmName): Promise<Storage> {
  const folder = dirname(file);
  // this one folder: asked for those above as well, Node tells of a failing disk as of a missing folder
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  chmodSync(folder, 0o700);
  try {
    // WAL and shared-memory files take the mode of the database file
    closeSync(openSync(file, 'wx', 0o600));
  } catch (cause) {
    if (!['EEXIST', 'EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw new ImprintError(
      'home_exists',
      `${file} cannot be made: it is there already, or the folder is closed`,
      {
        hint: 'Name a folder in which there is no authority yet.',
        cause,
      },
    );
  }
  const storage = openConnections(file);
  await storage.writer
    .transaction()
    .execute((tx) => createSchema(tx as unknown as Kysely<Tables>, sqliteFlavor, realm));
  return storage;
}

/** An empty database that nobody else sees and that ends with its connection; it moves from memory to a temporary file as it grows. */
export async function openScratchSqlite(realm: RealmName): Promise<Storage> {
  const database = new Database('');
  const db = writing(database);
  await db.transaction().execute((tx) => createSchema(tx as unknown as Kysely<Tables>, sqliteFlavor, realm));
  return {
    writer: db,
    reader: db,
    openReader: () => db,
    fault: sqliteFault,
    damage: async () => damageOf(database),
    close: () => db.destroy(),
  };
}

/** A connection that only reads, beside a storage that is open on the same file. The caller destroys it. */
export function openSqliteReader(file: string): Kysely<Tables> {
  return reading(readonly(file));
}

function readonly(file: string): Database.Database {
  const database = new Database(file, { timeout: busyTimeoutMs, readonly: true });
  // what leads to the rows of a million devices; mapped into memory, a page that the disk cannot read would end the process
  database.pragma(`cache_size = -${cacheKiB}`);
  return database;
}

function writing(database: Database.Database): Kysely<Tables> {
  return new Kysely({ dialect: new ImmediateSqliteDialect({ database: preparedDatabase(database) }) });
}

function reading(database: Database.Database): Kysely<Tables> {
  return new Kysely({
    dialect: new DirectSqliteDialect({ database: readerDatabase(preparedDatabase(database)) }),
  });
}

interface SqliteStorage extends Storage {
  database: Database.Database;
}

function openConnections(file: string): SqliteStorage {
  let database: Database.Database;
  try {
    database = new Database(file, { timeout: busyTimeoutMs });
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma(`cache_size = -${cacheKiB}`);
    // a page that many ticks write goes into the database once for all of them; the WAL grows to 16 MB
    database.pragma(`wal_autocheckpoint = ${walPages}`);
    // overwritten pages are zeroed: nothing that was deleted lies about
    database.pragma('secure_delete = FAST');
  } catch (cause) {
    throw new ImprintError('storage_failed', `${file} cannot be opened as a database`, {
      hint: 'Check that the path names the database of an authority, that the disk has room and that it is mounted for writing.',
      cause,
    });
  }
  // a reading connection cannot make the WAL's files, so the writing one does it by reading first
  database.pragma('schema_version');
  const beside = readonly(file);
  return {
    database,
    writer: writing(database),
    reader: reading(beside),
    openReader: () => openSqliteReader(file),
    fault: sqliteFault,
    damage: async () => damageOf(beside),
    async close() {
      // Kysely closes only what it has used
      beside.close();
      database.close();
    },
  };
}

function checkMark(database: Database.Database, file: string, realm: RealmName): void {
  let mark: { schema_version: number; realm: string } | undefined;
  try {
    mark = database
      .prepare<[], { schema_version: number; realm: string }>('select * from imprint_schema')
      .get();
  } catch (cause) {
    throw new ImprintError('storage_failed', `${file} is no database of an authority`, {
      hint: 'Name the folder that imprint init made.',
      cause,
    });
  }
  if (mark?.schema_version !== schemaVersion) {
    throw new ImprintError(
      'storage_failed',
      `${file} has tables of version ${mark?.schema_version}, and this program knows version ${schemaVersion}`,
      { hint: 'Run the version of Imprint that made it, or one that says it migrates that version.' },
    );
  }
  if (mark.realm !== realm) {
    throw new ImprintError('realm_mismatch', `${file} belongs to the ${mark.realm} realm, not to ${realm}`, {
      hint: 'Name the folder of this realm. Nothing crosses from one realm to another.',
      context: { realm: mark.realm },
    });
  }
}

function refuseOpenMode(file: string): void {
  for (const path of [dirname(file), file]) {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new ImprintError('path_refused', `${path} may be opened by others on this machine`, {
        hint: `Close it: chmod go= ${path}`,
      });
    }
  }
}

/** Every page and index is read: a flipped bit that no row shows is found as well as one that breaks a row. */
function damageOf(database: Database.Database): string | null {
  try {
    const found = database.pragma('integrity_check(1)', { simple: true });
    return found === 'ok' ? null : String(found);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What an error that better-sqlite3 threw means (https://sqlite.org/rescode.html). */
export function sqliteFault(error: unknown): StorageFault {
  if (!(error instanceof Database.SqliteError)) return 'foreign';
  if (error.code.startsWith('SQLITE_CONSTRAINT')) return 'refused';
  if (error.code === 'SQLITE_BUSY_SNAPSHOT') return 'raced';
  if (error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED')) return 'busy';
  if (error.code === 'SQLITE_FULL') return 'full';
  // a statement that does not compile is a fault of the program, not of the disk
  if (error.code === 'SQLITE_ERROR' || error.code === 'SQLITE_MISMATCH' || error.code === 'SQLITE_RANGE')
    return 'refused';
  return 'broken';
}
