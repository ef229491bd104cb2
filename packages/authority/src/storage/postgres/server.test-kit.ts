/**
 * A real PostgreSQL server for one test file: Debian's binaries, as an account without privileges, its data in a temporary
 * folder, with fsync as in earnest and a locale whose order is not that of bytes. It ends with the file's tests.
 */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after } from 'node:test';
import pg from 'pg';

const debianFolder = '/usr/lib/postgresql';

/** The newest version's programs. Their absence is a failure of the test, never a reason to skip it. */
function findPrograms(): { folder: string; major: number } {
  const majors = existsSync(debianFolder) ? readdirSync(debianFolder).map(Number) : [];
  const major = majors
    .filter((one) => existsSync(join(debianFolder, String(one), 'bin', 'postgres')))
    .sort((a, b) => b - a)[0];
  assert.ok(major !== undefined, "PostgreSQL's server is missing: install Debian's package postgresql");
  return { folder: join(debianFolder, String(major), 'bin'), major };
}

/** The server refuses to run as root: then the account that Debian's package made runs it. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const row = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postgres:'));
  assert.ok(row !== undefined, "the account postgres is missing: install Debian's package postgresql");
  const [, , uid, gid] = row.split(':').map(Number);
  return { uid: uid!, gid: gid! };
}

export class TestServer {
  readonly #programs = findPrograms();
  readonly #account = account();
  readonly #folder = mkdtempSync(join(tmpdir(), 'imprint-postgres-'));
  readonly #data = join(this.#folder, 'data');
  readonly #settings: string[];
  readonly #port: number;
  #process: ChildProcessByStdio<null, null, Readable> | undefined;
  #databases = 0;

  private constructor(settings: string[]) {
    this.#settings = settings;
    this.#port = Number(settings.find((setting) => setting.startsWith('port='))?.slice(5) ?? 5432);
    chmodSync(this.#folder, 0o700);
    if (this.#account) chownSync(this.#folder, this.#account.uid, this.#account.gid);
  }

  /** Runs until the tests of this file are over. `settings` as `name=value`. */
  static async start(...settings: string[]): Promise<TestServer> {
    const server = new TestServer(settings);
    after(() => server.dispose());
    process.once('exit', () => server.#process?.kill('SIGQUIT'));
    server.#make();
    await server.start();
    return server;
  }

  /** The socket's file, to which a proxy may connect. */
  get socket(): string {
    return join(this.#folder, `.s.PGSQL.${this.#port}`);
  }

  /** Where `database` is. */
  url(database: string): string {
    return `postgres://imprint@${encodeURIComponent(this.#folder)}:${this.#port}/${database}`;
  }

  /** A new, empty database, by its URL. */
  async database(more = ''): Promise<string> {
    const name = `case_${this.#databases++}`;
    await this.query(`create database ${name} ${more}`);
    return this.url(name);
  }

  /** Runs one statement as the superuser, beside everything that is tested. */
  async query<Row extends pg.QueryResultRow>(text: string, database = 'postgres'): Promise<Row[]> {
    const client = new pg.Client({ host: this.#folder, port: this.#port, user: 'imprint', database });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** A file that the server alone may read. */
  file(name: string, text: string | Buffer): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (this.#account) chownSync(path, this.#account.uid, this.#account.gid);
    return path;
  }

  /** The path of a file of the server's data. */
  dataFile(path: string): string {
    return join(this.#data, path);
  }

  /** Resolves when the server takes connections. */
  async start(): Promise<void> {
    const settings = [`unix_socket_directories=${this.#folder}`, 'listen_addresses=', ...this.#settings];
    const started = spawn(
      join(this.#programs.folder, 'postgres'),
      ['-D', this.#data, ...settings.flatMap((setting) => ['-c', setting])],
      { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'], ...this.#account },
    );
    this.#process = started;
    const said: string[] = [];
    const isReady = new Promise<void>((resolve, reject) => {
      createInterface(started.stderr).on('line', (line) => {
        if (/ready to accept (read-only )?connections/.test(line)) resolve();
        said.push(line);
      });
      started.once('close', () => reject(new Error(`the server ended: ${said.slice(-20).join('\n')}`)));
    });
    await isReady;
  }

  /** `fast` ends sessions, `immediate` leaves everything as a crash would. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null) return;
    const ended = once(running, 'close');
    running.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }

  async dispose(): Promise<void> {
    // a checkpoint of what is thrown away would take half a minute
    await this.stop('immediate');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #make(): void {
    const locale = this.#programs.major >= 15 ? ['--locale-provider=icu', '--icu-locale=en-US'] : [];
    const made = spawnSync(
      join(this.#programs.folder, 'initdb'),
      [
        '-D',
        this.#data,
        '-U',
        'imprint',
        '--auth=trust',
        '-E',
        'UTF8',
        '--locale=C.UTF-8',
        '--no-sync',
        '--data-checksums',
        ...locale,
      ],
      { cwd: this.#folder, encoding: 'utf8', ...this.#account },
    );
    assert.equal(made.status, 0, made.stderr);
  }
}
