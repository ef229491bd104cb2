/**
 * A disk that fails when it is told to, under the real SQLite: every statement and every commit of a process goes by here.
 * What was committed stays, whoever is killed; what was not is gone (`synchronous = FULL` promises no more and no less).
 */
import { DirectSqliteDialect } from '@imprint/authority/storage/sqlite/direct-dialect';
import { ImmediateSqliteDialect } from '@imprint/authority/storage/sqlite/immediate-dialect';
import { createSqlite, sqliteFault } from '@imprint/authority/storage/sqlite/open-sqlite';
import { readerDatabase } from '@imprint/authority/storage/sqlite/reader-database';
import type { Storage } from '@imprint/authority/storage/storage';
import type { Tables } from '@imprint/authority/storage/tables';
import type { JournalDatabase } from '@imprint/station/journal';
import Database from 'better-sqlite3';
import { Kysely, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { type Life, ProcessKilled } from './life.ts';
import { settled } from './world.ts';

/** What a call to the disk does: begins, reads, writes, or makes durable. */
export type DiskAct = 'begin' | 'read' | 'write' | 'commit' | 'other';

/**
 * - `killed-before`, `killed-after`: the process dies there;
 * - `eio`: the call fails, nothing of it is kept; at a commit nothing of the transaction is;
 * - `kept`: the commit fails and is on the disk all the same, as an fsync may fail after the data went out;
 * - `full`: no room; `busy`: another process holds the file.
 */
export type DiskFault = 'killed-before' | 'killed-after' | 'eio' | 'kept' | 'full' | 'busy';

export type DiskGate = (act: DiskAct) => DiskFault | undefined;

export class Disk {
  readonly #life: Life;
  readonly #gate: DiskGate;

  constructor(life: Life, gate: DiskGate) {
    this.#life = life;
    this.#gate = gate;
  }

  perform<T>(act: DiskAct, run: () => T, undo?: () => void): T {
    if (!this.#life.alive) throw new ProcessKilled();
    const fault = this.#gate(act);
    switch (fault) {
      case undefined:
        return run();
      case 'killed-before':
        this.#life.kill();
        throw new ProcessKilled();
      case 'killed-after':
        run();
        this.#life.kill();
        throw new ProcessKilled();
      case 'kept':
        run();
        throw new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC');
      case 'eio':
        undo?.();
        throw new Database.SqliteError('disk I/O error', `SQLITE_IOERR_${ioErrors[act]}`);
      case 'full':
        throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
      case 'busy':
        throw new Database.SqliteError('database is locked', 'SQLITE_BUSY');
    }
  }
}

const ioErrors: Record<DiskAct, string> = {
  begin: 'LOCK',
  read: 'READ',
  write: 'WRITE',
  commit: 'FSYNC',
  other: 'READ',
};

function actOf(sql: string, reads: boolean): DiskAct {
  if (sql.startsWith('begin')) return 'begin';
  if (sql === 'commit') return 'commit';
  if (/^(rollback|savepoint|release)/.test(sql)) return 'other';
  return reads ? 'read' : 'write';
}

function failing(database: Database.Database, disk: Disk): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>();
  return {
    close: () => void database.close(),
    prepare(sql) {
      const known = kept.get(sql);
      if (known !== undefined) return known;
      const own = database.prepare(sql);
      const act = actOf(sql, own.reader);
      const undo = act === 'commit' ? () => void database.exec('rollback') : undefined;
      const perform = <T>(run: () => T): T => disk.perform(act, run, undo);
      const statement: SqliteStatement = {
        reader: own.reader,
        all: (parameters) => perform(() => own.all(parameters)),
        run: (parameters) => perform(() => own.run(parameters)),
        // one that is being read row by row cannot be run a second time
        iterate: (parameters) =>
          perform(() => database.prepare(sql).iterate(parameters)) as IterableIterator<never>,
      };
      kept.set(sql, statement);
      return statement;
    },
  };
}

/** Makes the authority's database with the program's own code, on a sound disk. */
export async function makeAuthorityFile(file: string): Promise<void> {
  const storage = await createSqlite(file, 'dev');
  await storage.close();
}

/** The authority's storage over such a file; ends without a word when its process does. */
export function openFailingStorage(file: string, life: Life, gate: DiskGate): Storage {
  const disk = new Disk(life, gate);
  const writer = new Database(file);
  writer.pragma('synchronous = OFF');
  writer.pragma('foreign_keys = ON');
  writer.pragma('schema_version');
  const reader = new Database(file, { readonly: true });
  const close = () => {
    reader.close();
    writer.close();
  };
  life.onDeath(() => void settled().then(close));
  const reading = new Kysely<Tables>({
    dialect: new DirectSqliteDialect({ database: readerDatabase(failing(reader, disk)) }),
  });
  return {
    writer: new Kysely<Tables>({ dialect: new ImmediateSqliteDialect({ database: failing(writer, disk) }) }),
    reader: reading,
    openReader: () =>
      new Kysely<Tables>({
        dialect: new DirectSqliteDialect({
          database: readerDatabase(failing(new Database(file, { readonly: true }), disk)),
        }),
      }),
    fault: sqliteFault,
    damage: async () => null,
    close: async () => close(),
  };
}

/** A station's journal over the same kind of disk. */
export function failingJournal(database: Database.Database, life: Life, gate: DiskGate): JournalDatabase {
  const disk = new Disk(life, gate);
  database.pragma('synchronous = OFF');
  life.onDeath(() => void settled().then(() => database.close()));
  const prepared = new Map<string, object>();
  return {
    prepare: ((sql: string) => {
      let known = prepared.get(sql);
      if (known === undefined) {
        const statement = database.prepare(sql);
        const act = statement.reader ? 'read' : 'commit';
        known = {
          get: (...parameters: unknown[]) => disk.perform(act, () => statement.get(...parameters)),
          all: (...parameters: unknown[]) => disk.perform(act, () => statement.all(...parameters)),
          run: (...parameters: unknown[]) => disk.perform(act, () => statement.run(...parameters)),
        };
        prepared.set(sql, known);
      }
      return known;
    }) as unknown as JournalDatabase['prepare'],
    transaction: database.transaction.bind(database),
    close: () => database.close(),
  };
}
