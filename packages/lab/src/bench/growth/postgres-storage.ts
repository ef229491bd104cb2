/**
 * Growth on a real PostgreSQL server, whose data stands beside the authorities. An authority is filled in a file and moved:
 * each statement of the ledger is a round trip here, and a million devices would take hours.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { copyTables } from '@imprint/authority/storage/copy-tables';
import { createPostgres } from '@imprint/authority/storage/postgres/open-postgres';
import { PostgresProcess } from '@imprint/authority/storage/postgres/server-process.test-kit';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { openSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import { authorityHome, readConfiguration, writeConfiguration } from 'imprint/authority-home';
import { makeBenchHome, openHome } from '../bench-home.ts';
import { fill, secondOrder } from './fill.ts';
import { filledHome } from './filled-home.ts';
import type { Filled, GrowthStorage, Say } from './growth-storage.ts';
import { sqliteStorage } from './sqlite-storage.ts';

/** What its manual advises for a server of its own; all that decides about durability stays as it is. */
const settings = [
  `shared_buffers=${Math.floor(totalmem() / 4 / 2 ** 20)}MB`,
  'max_wal_size=8GB',
  'checkpoint_timeout=15min',
];
/** As many are put into a moved authority through its ledger, to see how fast that goes. */
const mostFilledAfterwards = 1_000;
const saidEveryMs = 10_000;

/** Starts the server, made anew where none was kept in `folder`. It ends when the storage is closed. */
export async function openPostgresStorage(folder: string): Promise<GrowthStorage> {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  requireOpenWay(folder);
  const data = join(folder, 'postgres-server');
  // a socket's path must be short, so it has a folder of its own for each run
  const sockets = mkdtempSync(join(tmpdir(), 'imprint-bench-'));
  const server = new PostgresProcess({ data, sockets, settings, sync: true });
  server.own(sockets);
  server.make();
  await server.start();
  return new PostgresStorage(server, sockets, data);
}

/** The server's account goes through every folder above its data; the authorities' own folders stay closed to it. */
function requireOpenWay(folder: string): void {
  const closed: string[] = [];
  for (let above = folder; above !== dirname(above); above = dirname(above)) {
    if ((statSync(above).mode & 0o001) === 0) closed.push(above);
  }
  if (closed.length === 0 || process.getuid?.() !== 0) return;
  throw new Error(
    `the account that runs PostgreSQL cannot go through ${closed.join(' ')}: chmod o+x ${closed.join(' ')}`,
  );
}

class PostgresStorage implements GrowthStorage {
  readonly name = 'postgres';
  readonly #server: PostgresProcess;
  readonly #sockets: string;
  readonly #data: string;

  constructor(server: PostgresProcess, sockets: string, data: string) {
    this.#server = server;
    this.#sockets = sockets;
    this.#data = data;
  }

  async makeHome(folder: string) {
    return makeBenchHome(folder, await this.#newDatabase(folder));
  }

  async removeHome(folder: string): Promise<void> {
    await this.#server.query(`drop database ${databaseOf(folder)}`);
    rmSync(folder, { recursive: true, force: true });
  }

  async fillHome(folder: string, devices: number, say: Say): Promise<Filled> {
    const source = join(dirname(folder), `${sqliteStorage.name}-${devices}`);
    await filledHome(source, devices, sqliteStorage, say);
    const moved = await this.#moveFrom(join(source, 'authority'), folder, say);
    const [size] = await this.#server.query<{ bytes: string }>(
      `select pg_database_size('${databaseOf(folder)}') as bytes`,
    );
    const home = await openHome(join(folder, 'authority'));
    try {
      const more = Math.min(devices, mostFilledAfterwards);
      const filledASecond = await fill(home, more, say, secondOrder);
      return { filledASecond, bytesADevice: Number(size!.bytes) / moved };
    } finally {
      await home.authority.close();
    }
  }

  takeUpHome(folder: string): void {
    const home = authorityHome(join(folder, 'authority'));
    writeConfiguration(home, {
      ...readConfiguration(home),
      database: this.#server.url(databaseOf(folder)),
    });
  }

  async databaseFolder(folder: string): Promise<string> {
    const [database] = await this.#server.query<{ oid: string }>(
      `select oid::text as oid from pg_database where datname = '${databaseOf(folder)}'`,
    );
    return join(this.#data, 'base', database!.oid);
  }

  async close(): Promise<void> {
    await this.#server.stop();
    rmSync(this.#sockets, { recursive: true, force: true });
  }

  /** Copies an authority whose database is a file, begun anew where it was broken off. Gives the number of its devices. */
  async #moveFrom(source: string, folder: string, say: Say): Promise<number> {
    rmSync(folder, { recursive: true, force: true });
    const authority = join(folder, 'authority');
    const from = authorityHome(source);
    const url = await this.#newDatabase(folder);
    const old = await openSqlite(from.database, 'dev');
    try {
      let saidMs = performance.now();
      const copied = await withSnapshot(old, (reader) =>
        createPostgres(url, 'dev', (tx) =>
          copyTables(reader, tx, (table, rows) => {
            if (performance.now() < saidMs + saidEveryMs) return;
            saidMs = performance.now();
            say(`${rows} rows of ${table} are moved`);
          }),
        ),
      );
      await copied.close();
      const { devices } = await old.reader
        .selectFrom('device')
        .select((row) => row.fn.countAll<number>().as('devices'))
        .executeTakeFirstOrThrow();
      // what an administrator does after loading, and the server by itself a little later
      await this.#server.query('vacuum (analyze)', databaseOf(folder));
      await this.#server.query('checkpoint');
      cpSync(source, authority, { recursive: true, filter: (path) => path !== dirname(from.database) });
      this.takeUpHome(folder);
      return devices;
    } finally {
      await old.close();
    }
  }

  async #newDatabase(folder: string): Promise<string> {
    const name = databaseOf(folder);
    await this.#server.query(`drop database if exists ${name}`);
    await this.#server.query(`create database ${name}`);
    return this.#server.url(name);
  }
}

function databaseOf(folder: string): string {
  return basename(folder).replaceAll('-', '_');
}
