/**
 * One session of the simulated PostgreSQL server, as far as the authority needs one: read committed (each statement sees what
 * is committed when it begins), rows that somebody is writing are waited for, a transaction in which a statement failed does
 * nothing more, and the timeouts that the session was opened with hold. SQLite keeps the rows.
 */
import Database from 'better-sqlite3';
import pg from 'pg';
import type { DatabaseServer } from './server.ts';

export interface ServerAnswer {
  command: string;
  rowCount: number;
  rows: unknown[];
}

export type Settings = ReadonlyMap<string, string>;

/** What a statement does. */
export type Act = 'begin' | 'lock' | 'read' | 'write' | 'commit' | 'rollback' | 'savepoint';

/** As the server says it: `FATAL` ends the session. */
export function serverError(code: string, message: string, severity = 'ERROR'): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code, severity });
}

export class Session {
  readonly settings: Settings;
  readonly #server: DatabaseServer;
  readonly #database: Database.Database;
  /** `failed`: a statement of it failed, and only its end is left. */
  #transaction: 'none' | 'open' | 'failed' = 'none';
  #isWriting = false;
  #isWatched = false;
  #lastHeardMs = 0;
  #ended: pg.DatabaseError | undefined;
  #giveUp: ((error: pg.DatabaseError) => void) | undefined;
  /** Told when the server ends the session. */
  onEnd: (error: pg.DatabaseError) => void = () => undefined;

  constructor(server: DatabaseServer, database: Database.Database, settings: Settings) {
    this.#server = server;
    this.#database = database;
    this.settings = settings;
  }

  /** One message, which may hold several statements; the last one's answer. A promise only where something is waited for. */
  query(text: string, values: readonly unknown[]): ServerAnswer | Promise<ServerAnswer> {
    this.#lastHeardMs = this.#server.time.nowMs;
    const semicolon = actOf(text) === 'begin' ? text.indexOf('; ') : -1;
    if (semicolon < 0) return this.#one(text, values);
    this.#one(text.slice(0, semicolon), []);
    return this.#one(text.slice(semicolon + 2), []);
  }

  /** Ends it from this side: what was not committed is undone, and whoever waits for its rights goes on. */
  end(error: pg.DatabaseError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#finish('rollback');
    this.#giveUp?.(error);
    this.#server.forget(this, this.#database);
    this.onEnd(error);
  }

  #one(text: string, values: readonly unknown[]): ServerAnswer | Promise<ServerAnswer> {
    if (this.#ended !== undefined) throw this.#ended;
    const act = actOf(text);
    if (this.#transaction === 'failed' && !mayFollowFailure(act, text)) {
      throw serverError('25P02', 'current transaction is aborted, commands ignored until end of transaction');
    }
    switch (act) {
      case 'begin':
        this.#transaction = 'open';
        // a snapshot: what others commit meanwhile does not show
        if (this.settings.get('default_transaction_isolation') === 'repeatable read') {
          this.#database.exec('begin');
        }
        this.#watchIdleness();
        return answered('BEGIN');
      case 'lock':
        return this.#wait(this.#server.right, () => answered('SELECT'));
      case 'commit':
      case 'rollback': {
        const kept = act === 'commit' && this.#transaction !== 'failed';
        this.#finish(kept ? 'commit' : 'rollback');
        return answered(kept ? 'COMMIT' : 'ROLLBACK');
      }
      case 'read':
        return this.#run(text, values);
      default:
        return this.#wait(this.#server.rows, () => this.#write(text, values));
    }
  }

  /** Writing begins when nobody else writes; by itself, it is committed at once. */
  #write(text: string, values: readonly unknown[]): ServerAnswer {
    if (this.#transaction === 'none') {
      try {
        const answer = this.#run(text, values);
        this.#server.committed();
        return answer;
      } finally {
        this.#server.rows.leave(this);
      }
    }
    if (!this.#database.inTransaction) {
      this.#isWriting = true;
      this.#database.exec('begin immediate');
    }
    return this.#run(text, values);
  }

  #run(text: string, values: readonly unknown[]): ServerAnswer {
    const canned = this.#server.canned(text);
    if (canned !== undefined) return { command: 'SELECT', rowCount: 1, rows: [canned] };
    try {
      const statement = this.#server.prepared(this.#database, text);
      const command = text.slice(0, text.indexOf(' ')).toUpperCase();
      const rows = statement.reader ? statement.all(...values) : [];
      const rowCount = statement.reader ? rows.length : statement.run(...values).changes;
      if (text.startsWith('rollback to')) this.#transaction = 'open';
      return { command, rowCount, rows };
    } catch (error) {
      if (this.#transaction === 'open') this.#transaction = 'failed';
      throw asServerError(error);
    }
  }

  #wait<T>(turns: DatabaseServer['right'], act: () => T): T | Promise<T> {
    if (turns.take(this)) return act();
    return new Promise((resolve, reject) => {
      const giveUp = (error: pg.DatabaseError) => {
        stop();
        turns.leave(this);
        if (this.#transaction === 'open') this.#transaction = 'failed';
        reject(error);
      };
      const timeoutMs = Number(this.settings.get('lock_timeout') ?? 0);
      const takeBack =
        timeoutMs > 0
          ? this.#server.time.after(timeoutMs, () =>
              giveUp(serverError('55P03', 'canceling statement due to lock timeout')),
            )
          : () => undefined;
      const stop = () => {
        takeBack();
        this.#giveUp = undefined;
        this.#lastHeardMs = this.#server.time.nowMs;
      };
      this.#giveUp = giveUp;
      turns.await(this, () => {
        stop();
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #finish(how: 'commit' | 'rollback'): void {
    this.#transaction = 'none';
    if (this.#database.inTransaction) this.#database.exec(how);
    if (this.#isWriting && how === 'commit') this.#server.committed();
    this.#isWriting = false;
    this.#server.rows.leave(this);
    this.#server.right.leave(this);
  }

  /** `idle_in_transaction_session_timeout`: who says nothing in the middle of a transaction is cut off. */
  #watchIdleness(): void {
    const timeoutMs = Number(this.settings.get('idle_in_transaction_session_timeout') ?? 0);
    if (timeoutMs === 0) return;
    const { time } = this.#server;
    const look = () => {
      if (this.#ended !== undefined || this.#transaction === 'none') {
        this.#isWatched = false;
        return;
      }
      const idleMs = this.#giveUp === undefined ? time.nowMs - this.#lastHeardMs : 0;
      if (idleMs < timeoutMs) return void time.after(timeoutMs - idleMs, look);
      this.end(serverError('25P03', 'terminating connection due to idle-in-transaction timeout', 'FATAL'));
    };
    if (this.#isWatched) return;
    this.#isWatched = true;
    time.after(timeoutMs, look);
  }
}

const acts = new Map<string, Act>();
const knownActs = 2_000;

export function actOf(text: string): Act {
  let act = acts.get(text);
  if (act === undefined) {
    act = readAct(text);
    if (acts.size < knownActs) acts.set(text, act);
  }
  return act;
}

function readAct(text: string): Act {
  if (/^(begin|start transaction)/.test(text)) return 'begin';
  if (text.startsWith('select pg_advisory_xact_lock')) return 'lock';
  if (text === 'commit' || text === 'rollback') return text;
  if (/^(savepoint|release|rollback to)/.test(text)) return 'savepoint';
  return /^(select|with)/.test(text) ? 'read' : 'write';
}

function mayFollowFailure(act: Act, text: string): boolean {
  return act === 'commit' || act === 'rollback' || text.startsWith('rollback to');
}

function answered(command: string): ServerAnswer {
  return { command, rowCount: 0, rows: [] };
}

/** What SQLite refuses, as PostgreSQL would say it. */
function asServerError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const { code, message } = error;
  if (code.startsWith('SQLITE_CONSTRAINT')) return serverError('23000', message);
  if (code === 'SQLITE_READONLY') return serverError('25006', message);
  if (code === 'SQLITE_FULL') return serverError('53100', message);
  if (code === 'SQLITE_ERROR' || code === 'SQLITE_MISMATCH') return serverError('42000', message);
  return serverError('58030', message);
}
