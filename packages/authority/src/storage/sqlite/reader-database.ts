/** A database for reading whose failures are told as the project's own (`storage_failed`), since readers stand outside the ledger. */
import { ImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

export function readerDatabase(database: SqliteDatabase): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(sql): SqliteStatement {
      const statement = told(() => database.prepare(sql));
      return {
        reader: statement.reader,
        all: (parameters) => told(() => statement.all(parameters)),
        run: (parameters) => told(() => statement.run(parameters)),
        iterate: (parameters) => told(() => statement.iterate(parameters)),
      };
    },
  };
}

function told<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Database.SqliteError)) throw cause;
    throw new ImprintError('storage_failed', 'the database could not be read', {
      hint: 'Try again; if it stays, look at the authority’s disk and its own log.',
      cause,
    });
  }
}
