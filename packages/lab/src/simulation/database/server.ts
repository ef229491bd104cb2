/**
 * A double of the PostgreSQL server that replicas share, on SQLite: sessions, the advisory lock for which they queue, restarts
 * and absences. What was committed stays; what was not is gone with its session. The suites that hold for the real server
 * hold for it (`server.test.ts`).
 */
import { createSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import Database from 'better-sqlite3';
import { beginning } from '../world.ts';
import { Session, type Settings, serverError } from './session.ts';
import { Turns } from './turns.ts';

/** The time of a world, or of a test. */
export interface ServerTime {
  readonly nowMs: number;
  after(delayMs: number, act: () => void): () => void;
}

export class DatabaseServer {
  readonly file: string;
  readonly time: ServerTime;
  /** The advisory lock of the writers. */
  readonly right = new Turns<Session>();
  /** Held by whoever has written and not committed: what it touched, nobody else can write. */
  readonly rows = new Turns<Session>();
  readonly #sessions = new Set<Session>();
  /** Connections to the file that no session uses now; their statements are prepared. */
  readonly #free: { writing: Database.Database[]; reading: Database.Database[] } = {
    writing: [],
    reading: [],
  };
  readonly #statements = new WeakMap<Database.Database, Map<string, Database.Statement<unknown[]>>>();
  #upAtMs = 0;
  /** Its own clock, in milliseconds since 1970. */
  clockMs: () => number;
  /** Told of each commit. */
  committed: () => void = () => undefined;

  /** `file` is an authority's database, as `createSqlite` makes it. */
  constructor(file: string, time: ServerTime) {
    this.file = file;
    this.time = time;
    this.clockMs = () => beginning + time.nowMs;
  }

  /** Makes the tables of an authority in a new file. */
  static async make(file: string, time: ServerTime): Promise<DatabaseServer> {
    await (await createSqlite(file, 'dev')).close();
    return new DatabaseServer(file, time);
  }

  get isUp(): boolean {
    return this.#upAtMs <= this.time.nowMs;
  }

  /** @throws 57P03 while the server starts */
  accept(settings: Settings): Session {
    if (!this.isUp) throw serverError('57P03', 'the database system is starting up', 'FATAL');
    const session = new Session(this, this.#open(settings), settings);
    this.#sessions.add(session);
    return session;
  }

  /** Ends every session, and takes none for so long. */
  away(ms: number): void {
    this.#upAtMs = Math.max(this.#upAtMs, this.time.nowMs + ms);
    this.endSessions();
  }

  /** Takes connections again, before its time. */
  start(): void {
    this.#upAtMs = 0;
  }

  /** Ends these sessions, or so many of them; gives how many. */
  endSessions(which: (settings: Settings) => boolean = () => true, most?: number): number {
    const ended = [...this.#sessions].filter(({ settings }) => which(settings)).slice(0, most);
    for (const session of ended) {
      session.end(serverError('57P01', 'terminating connection due to administrator command', 'FATAL'));
    }
    return ended.length;
  }

  close(): void {
    this.away(Number.POSITIVE_INFINITY);
    for (const database of [...this.#free.writing, ...this.#free.reading]) database.close();
  }

  /** For a session that has ended. */
  forget(session: Session, database: Database.Database): void {
    this.#sessions.delete(session);
    this.#free[database.readonly ? 'reading' : 'writing'].push(database);
  }

  prepared(database: Database.Database, text: string): Database.Statement<unknown[]> {
    const statements = this.#statements.get(database)!;
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = database.prepare(
        text.replace(parameters, (found) => (found.startsWith('$') ? '?' : found)),
      );
      statements.set(text, statement);
    }
    return statement;
  }

  /** What only PostgreSQL could answer: its clock, its settings by their names, whether there is a table. */
  canned(text: string): object | undefined {
    if (text.startsWith('select current_setting(')) {
      return { version: 170_000, encoding: 'UTF8', fsync: 'on', full_page_writes: 'on', read_only: 'off' };
    }
    if (text.startsWith('select (extract(epoch from clock_timestamp())')) return { ms: this.clockMs() };
    return text.startsWith('select to_regclass(') ? { there: true } : undefined;
  }

  #open(settings: Settings): Database.Database {
    const readonly = settings.get('default_transaction_read_only') === 'on';
    const free = this.#free[readonly ? 'reading' : 'writing'].pop();
    if (free !== undefined) return free;
    const database = new Database(this.file, { readonly, timeout: 0 });
    database.pragma('synchronous = OFF');
    database.pragma('foreign_keys = ON');
    this.#statements.set(database, new Map());
    return database;
  }
}

/** Kysely counts them up, each once; what looks like one in a text is none. */
const parameters = /'(?:[^']|'')*'|\$\d+/g;
