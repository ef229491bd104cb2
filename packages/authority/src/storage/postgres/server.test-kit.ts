/** A real PostgreSQL server for one test file, its data in a temporary folder, with fsync as in earnest. It ends with the file's tests. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type pg from 'pg';
import { PostgresProcess } from './server-process.test-kit.ts';

export class TestServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'imprint-postgres-'));
  readonly #data = join(this.#folder, 'data');
  readonly #process: PostgresProcess;
  #databases = 0;

  private constructor(settings: string[]) {
    chmodSync(this.#folder, 0o700);
    // what is thrown away after the tests need not outlive a power cut
    this.#process = new PostgresProcess({ data: this.#data, sockets: this.#folder, settings, sync: false });
    this.#process.own(this.#folder);
  }

  /** Runs until the tests of this file are over. `settings` as `name=value`. */
  static async start(...settings: string[]): Promise<TestServer> {
    const server = new TestServer(settings);
    after(() => server.dispose());
    server.#process.make();
    await server.start();
    return server;
  }

  /** The socket's file, to which a proxy may connect. */
  get socket(): string {
    return this.#process.socket;
  }

  /** Where `database` is. */
  url(database: string): string {
    return this.#process.url(database);
  }

  /** A new, empty database, by its URL. */
  async database(more = ''): Promise<string> {
    const name = `case_${this.#databases++}`;
    await this.query(`create database ${name} ${more}`);
    return this.url(name);
  }

  /** Runs one statement as the superuser, beside everything that is tested. */
  query<Row extends pg.QueryResultRow>(text: string, database?: string): Promise<Row[]> {
    return this.#process.query(text, database);
  }

  /** A file that the server alone may read. */
  file(name: string, text: string | Buffer): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    this.#process.own(path);
    return path;
  }

  /** The path of a file of the server's data. */
  dataFile(path: string): string {
    return join(this.#data, path);
  }

  /** Resolves when the server takes connections. */
  start(): Promise<void> {
    return this.#process.start();
  }

  /** `fast` ends sessions, `immediate` leaves everything as a crash would. */
  stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    return this.#process.stop(how);
  }

  async dispose(): Promise<void> {
    // a checkpoint of what is thrown away would take half a minute
    await this.stop('immediate');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
