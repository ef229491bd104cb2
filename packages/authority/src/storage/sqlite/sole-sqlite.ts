/**
 * A database file that nobody else has open, as long as this has: for moving what is in it elsewhere. Retired, it stays
 * readable for ever, and the engine itself refuses every write.
 */
import { existsSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { primaryKeys } from '../schema.ts';
import type { Tables } from '../tables.ts';

export interface SoleSqlite {
  readonly db: Kysely<Tables>;
  /** No row of any table is written, changed or deleted any more, by whomever. Doing it twice is the same as once. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

/** @throws home_missing; unavailable where another process has it open; storage_failed where it cannot be read */
export async function openSoleSqlite(file: string): Promise<SoleSqlite> {
  if (!existsSync(file)) throw new ImprintError('home_missing', `there is no database at ${file}`);
  const database = new Database(file, { timeout: 0 });
  try {
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('synchronous = FULL');
    // takes the lock, and keeps it until the connection ends
    database.exec('begin exclusive; commit');
  } catch (cause) {
    database.close();
    if (!/^SQLITE_BUSY/.test((cause as { code?: string }).code ?? '')) throw unreadable(file, cause);
    throw new ImprintError('unavailable', `${file} is in use by another process`, {
      hint: 'Stop imprint serve and every other command on this home, and run this again.',
      cause,
    });
  }
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
  return {
    db,
    retire: () =>
      db.transaction().execute(async (tx) => {
        for (const table of Object.keys(primaryKeys)) {
          for (const act of ['insert', 'update', 'delete']) {
            await sql`create trigger if not exists ${sql.ref(`${table}_retired_${act}`)}
              before ${sql.raw(act)} on ${sql.table(table)}
              begin select raise(abort, 'this database was moved to another: nothing is written here'); end`.execute(
              tx,
            );
          }
        }
      }),
    close: async () => {
      // Kysely closes only what it has used
      database.close();
    },
  };
}

function unreadable(file: string, cause: unknown): ImprintError {
  return new ImprintError('storage_failed', `${file} cannot be opened as a database`, {
    hint: 'Check that the path names the database of an authority, that the disk has room and that it is mounted for writing.',
    cause,
  });
}
