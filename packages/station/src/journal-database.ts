/**
 * The journal's file: its tables, an fsync at every commit, and whether it can be trusted. A file that is damaged is told apart
 * from a disk that does not answer.
 */
import { chmodSync, existsSync } from 'node:fs';
import { toUtf8 } from '@imprint/contract/bytes';
import { sha256Hex } from '@imprint/contract/hash';
import Database from 'better-sqlite3';

/** What the journal needs of its database; a simulation stands a failing disk between. */
export type JournalDatabase = Pick<Database.Database, 'prepare' | 'transaction' | 'close'>;

const schemaVersion = 2;
const schema = `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
  CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL,
    hardware_uid TEXT NOT NULL,
    device_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    step TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT,
    failure_code TEXT,
    UNIQUE (job_id, attempt)
  ) STRICT;
  CREATE TABLE acts (
    id INTEGER PRIMARY KEY,
    hardware_uid TEXT NOT NULL,
    job_id TEXT NOT NULL,
    act TEXT NOT NULL,
    detail TEXT NOT NULL,
    intended_at TEXT NOT NULL,
    seen_at TEXT
  ) STRICT;
  CREATE TABLE requests (
    request_id TEXT PRIMARY KEY,
    route TEXT NOT NULL,
    params TEXT NOT NULL,
    body TEXT NOT NULL,
    must_arrive INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    answered_at TEXT,
    refusal TEXT
  ) STRICT;
  CREATE INDEX requests_open ON requests (route) WHERE answered_at IS NULL;
`;

/** Opens the file with an fsync at every commit, and looks whether it is whole; makes it where there is none. Throws what SQLite throws. */
export function openJournalDatabase(path: string): Database.Database {
  const db = new Database(path, { timeout: 500 });
  try {
    chmodSync(path, 0o600);
    // One process a station: a second one that is started by mistake finds the journal locked.
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // the quick one leaves the indexes out, and one that is damaged shows only when it is used
    if (db.pragma('integrity_check(1)', { simple: true }) !== 'ok') throw new Damaged('the file is damaged');
    const version = db.pragma('user_version', { simple: true });
    if (version === 0) {
      db.transaction(() => {
        db.exec(schema);
        db.pragma(`user_version = ${schemaVersion}`);
      })();
    } else if (version !== schemaVersion) throw new Damaged(`it is of version ${String(version)}`);
    requireSoundFacts(db);
    // A head that is damaged so that it can be read and not written shows here, and not at the first unit.
    db.exec('DELETE FROM facts WHERE false');
    for (const suffix of ['-wal', '-shm']) if (existsSync(path + suffix)) chmodSync(path + suffix, 0o600);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * SQLite sees a bit that was flipped in its own structure, not one in a value; and what is known of the authority is compared with
 * what it shows, so that a flipped bit there would stop the station for ever.
 */
function requireSoundFacts(db: Database.Database): void {
  const facts = db.prepare('SELECT name, value, digest FROM facts').all() as Record<string, string>[];
  for (const { name, value, digest } of facts) {
    if (digest !== factDigest(name!, value!)) throw new Damaged(`the fact ${name} was changed`);
  }
}

/** What stands beside a fact, so that a bit that is flipped in it shows. */
export function factDigest(name: string, value: string): string {
  return sha256Hex(toUtf8(`${name}\n${value}`));
}

class Damaged extends Error {}

/** Damage is what reading the file shows; a disk that does not answer is no reason to set a journal aside. */
export function isDamage(error: unknown): boolean {
  if (error instanceof Damaged) return true;
  const code = error instanceof Database.SqliteError ? error.code : '';
  return (
    ['SQLITE_NOTADB', 'SQLITE_ERROR', 'SQLITE_READONLY'].includes(code) || code.startsWith('SQLITE_CORRUPT')
  );
}
