/**
 * A real PostgreSQL server of Debian's binaries, as an account without privileges, with its data in a folder that the caller
 * names: durable settings, and a locale whose order is not that of bytes. It listens on a socket alone.
 */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import pg from 'pg';
import type { Account, SmallDisk } from './small-disk.test-kit.ts';

const debianFolder = '/usr/lib/postgresql';

/** The newest version's programs; undefined where Debian's package postgresql is not installed. */
export function installedPostgres(): { folder: string; major: number } | undefined {
  const majors = existsSync(debianFolder) ? readdirSync(debianFolder).map(Number) : [];
  const major = majors
    .filter((one) => existsSync(join(debianFolder, String(one), 'bin', 'postgres')))
    .sort((a, b) => b - a)[0];
  return major === undefined ? undefined : { folder: join(debianFolder, String(major), 'bin'), major };
}

/** Its absence is a failure, never a reason to skip what needs it. */
function findPrograms(): { folder: string; major: number } {
  const programs = installedPostgres();
  assert.ok(programs !== undefined, "PostgreSQL's server is missing: install Debian's package postgresql");
  return programs;
}

/** The server refuses to run as root: then the account that Debian's package made runs it. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const row = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postgres:'));
  assert.ok(row !== undefined, "the account postgres is missing: install Debian's package postgresql");
  const [, , uid, gid] = row.split(':').map(Number);
  return { uid: uid!, gid: gid! };
}

/** Whether a server that nobody stopped works on this data: the process that its file names is asked for it. */
function isLeftRunning(data: string): boolean {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return false;
  const [pid] = readFileSync(file, 'utf8').split('\n');
  const commandLine = `/proc/${pid}/cmdline`;
  return existsSync(commandLine) && readFileSync(commandLine, 'utf8').split('\0').includes(data);
}

export interface ServerPlace {
  /** The folder of its data; its own alone. */
  data: string;
  /** The folder of its socket: whose path must be short (107 bytes with the socket's name). */
  sockets: string;
  /** As `name=value`. */
  settings: readonly string[];
  /** Whether a new data folder is brought to the disk before it is used. */
  sync: boolean;
  /** A disk that the server's programs see beside all others. */
  disk?: SmallDisk;
  /** Where a new server's write-ahead log goes, in parts of a megabyte; absent, among its data. */
  walFolder?: string;
}

export class PostgresProcess {
  readonly #programs = findPrograms();
  readonly #account = serverAccount();
  readonly #place: ServerPlace;
  readonly #port: number;
  #process: ChildProcessByStdio<null, null, Readable> | undefined;

  constructor(place: ServerPlace) {
    this.#place = place;
    this.#port = Number(place.settings.find((setting) => setting.startsWith('port='))?.slice(5) ?? 5432);
    process.once('exit', () => this.#process?.kill('SIGQUIT'));
  }

  /** The socket's file, to which a proxy may connect. */
  get socket(): string {
    return join(this.#place.sockets, `.s.PGSQL.${this.#port}`);
  }

  /** Where `database` is. */
  url(database: string): string {
    return `postgres://imprint@${encodeURIComponent(this.#place.sockets)}:${this.#port}/${database}`;
  }

  /** Runs one statement as the superuser, beside everything that is tested. */
  async query<Row extends pg.QueryResultRow>(text: string, database = 'postgres'): Promise<Row[]> {
    const client = new pg.Client({
      host: this.#place.sockets,
      port: this.#port,
      user: 'imprint',
      database,
    });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Gives a file or folder to the account that runs the server. */
  own(path: string): void {
    if (this.#account) chownSync(path, this.#account.uid, this.#account.gid);
  }

  /** Makes the folder of the data where it is not there, whole or not at all. */
  make(): void {
    const { data, sync, walFolder } = this.#place;
    if (existsSync(data)) return;
    const unfinished = `${data}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { mode: 0o700 });
    this.own(unfinished);
    const locale = this.#programs.major >= 15 ? ['--locale-provider=icu', '--icu-locale=en-US'] : [];
    const made = this.#run(
      'initdb',
      '-D',
      unfinished,
      '-U',
      'imprint',
      '--auth=trust',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--data-checksums',
      ...(sync ? [] : ['--no-sync']),
      ...(walFolder === undefined ? [] : ['--wal-segsize=1', `--waldir=${walFolder}`]),
      ...locale,
    );
    assert.equal(made.status, 0, `${made.stderr}(its account must be able to enter each folder above)`);
    renameSync(unfinished, data);
  }

  /** Resolves when the server takes connections. One that was left running on the same data is stopped first. */
  async start(): Promise<void> {
    const { data, sockets, settings } = this.#place;
    if (isLeftRunning(data)) this.#run('pg_ctl', 'stop', '-D', data, '-m', 'fast', '-w');
    const all = [`unix_socket_directories=${sockets}`, 'listen_addresses=', ...settings];
    const [program, args] = this.#command('postgres', [
      ...['-D', data],
      ...all.flatMap((setting) => ['-c', setting]),
    ]);
    const started = spawn(program, args, {
      ...{ cwd: sockets, stdio: ['ignore', 'ignore', 'pipe'] as const },
      ...this.#runsAs,
    });
    this.#process = started;
    const said: string[] = [];
    const isReady = new Promise<void>((resolve, reject) => {
      createInterface(started.stderr).on('line', (line) => {
        if (/ready to accept (read-only )?connections/.test(line)) resolve();
        said.push(line);
        if (said.length > 20) said.shift();
      });
      started.once('close', () => reject(new Error(`the server ended: ${said.join('\n')}`)));
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

  /** Resolves when it has ended by itself, as it does where it cannot write its log. */
  async ended(): Promise<void> {
    if (this.#process?.exitCode === null) await once(this.#process, 'close');
  }

  /** Makes the data of a standby, which has what `primary` has now; one that `follows` hears of everything afterwards too. */
  makeStandbyOf(primary: PostgresProcess, follows: boolean): void {
    const { data } = this.#place;
    const from = ['-h', primary.#place.sockets, '-p', String(primary.#port), '-U', 'imprint', '-D', data];
    const more = follows ? ['-R'] : [];
    const made = this.#run('pg_basebackup', ...from, '--checkpoint=fast', '--no-sync', ...more);
    assert.equal(made.status, 0, made.stderr);
    const signal = join(data, 'standby.signal');
    if (!follows) writeFileSync(signal, '');
    this.own(signal);
  }

  #run(program: string, ...args: string[]) {
    const [command, all] = this.#command(program, args);
    return spawnSync(command, all, { cwd: this.#place.sockets, encoding: 'utf8', ...this.#runsAs });
  }

  /** One of PostgreSQL's programs, where the server's disks are. */
  #command(name: string, args: string[]): [string, string[]] {
    const program = join(this.#programs.folder, name);
    return this.#place.disk?.command(program, args) ?? [program, args];
  }

  /** Who enters a disk changes the account there. */
  get #runsAs(): Partial<Account> {
    return this.#place.disk === undefined ? { ...this.#account } : {};
  }
}
