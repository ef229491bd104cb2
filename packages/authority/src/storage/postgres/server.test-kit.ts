/** A real PostgreSQL server for one test file, its data in a temporary folder, with fsync as in earnest. It ends with the file's tests. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type pg from 'pg';
import { PostgresProcess, type ServerPlace, serverAccount } from './server-process.test-kit.ts';
import { SmallDisk } from './small-disk.test-kit.ts';

export class TestServer {
  readonly #folder: string;
  readonly #data: string;
  readonly #disk: SmallDisk | undefined;
  readonly #process: PostgresProcess;
  #databases = 0;

  private constructor(folder: string, place: Pick<ServerPlace, 'settings' | 'disk' | 'walFolder'>) {
    this.#folder = folder;
    this.#data = join(folder, 'data');
    this.#disk = place.disk;
    chmodSync(folder, 0o700);
    // what is thrown away after the tests need not outlive a power cut
    this.#process = new PostgresProcess({ ...place, data: this.#data, sockets: folder, sync: false });
    this.#process.own(folder);
  }

  /** Runs until the tests of this file are over. `settings` as `name=value`. */
  static async start(...settings: string[]): Promise<TestServer> {
    const server = new TestServer(freshFolder(), { settings });
    after(() => server.dispose());
    server.#process.make();
    await server.start();
    return server;
  }

  /**
   * Runs with a part of its data on a disk of `megabytes`: its write-ahead log, or a tablespace `small` for whatever database
   * is made there.
   */
  static async startOnSmallDisk(
    part: 'wal' | 'tablespace',
    megabytes: number,
    ...settings: string[]
  ): Promise<TestServer & { disk: SmallDisk }> {
    const folder = freshFolder();
    const disk = await SmallDisk.mount(join(folder, 'small'), megabytes, serverAccount());
    const wal = part === 'wal' ? { walFolder: join(disk.folder, 'wal') } : {};
    const server = new TestServer(folder, { settings, disk, ...wal });
    after(() => server.dispose());
    server.#process.make();
    await server.start();
    if (part === 'tablespace') {
      await server.query(`create tablespace small location '${disk.makeFolder('tables')}'`);
    }
    return Object.assign(server, { disk });
  }

  /**
   * A standby of this server, from `pg_basebackup`: one that follows it, or one that has what there is now and hears of
   * nothing more. Whoever asks for it disposes of it.
   */
  async standby(follows: boolean): Promise<TestServer> {
    const standby = new TestServer(freshFolder(), { settings: [] });
    standby.#process.makeStandbyOf(this.#process, follows);
    await standby.start();
    return standby;
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

  /** Resolves when it has ended by itself. */
  ended(): Promise<void> {
    return this.#process.ended();
  }

  async dispose(): Promise<void> {
    // a checkpoint of what is thrown away would take half a minute
    await this.stop('immediate');
    this.#disk?.unmount();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), 'imprint-postgres-'));
}
