/**
 * A realm's database in PostgreSQL: one writing connection, which takes the right to write before it reads, and read-only
 * ones beside it. A server that could forget a commit is refused, and so is a database of another realm or version.
 */
import type { RealmName } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely';
import type { ClientBase } from 'pg';
import { createSchema, type MetaTable, primaryKeys, schemaVersion } from '../schema.ts';
import { statement } from '../statement.ts';
import type { Storage } from '../storage.ts';
import type { Tables } from '../tables.ts';
import { connect, networkDriver, type PostgresDriver } from './connections.ts';
import { LockingPostgresDialect } from './locking-dialect.ts';
import { postgresFault } from './postgres-fault.ts';
import { type PostgresAddress, parsePostgresUrl } from './postgres-url.ts';
import { readingPool } from './reading-pool.ts';

/** Whatever a database's locale, text is compared by its bytes, as SQLite does: times and IDs are ordered as text. */
const flavor = { bytes: 'bytea', text: sql`text collate "C"` } as const;

const schemaName = 'imprint';
const leastVersion = 13;

/** How long the writer waits for a server that is away, or that restarts, before it says so. */
const reconnectMs = 30_000;
/** Reads are asked for again by whoever waits; they may not pile up as long. */
const readPatienceMs = 5_000;
const readerConnections = 4;

const everySession = {
  search_path: schemaName,
  // statements are short: compiling one would take longer than running it
  jit: 'off',
  statement_timeout: 30_000,
};

const writing = {
  ...everySession,
  application_name: 'imprint-writer',
  synchronous_commit: 'on',
  // longer than a replica that hangs in its transaction may hold the others up
  lock_timeout: 20_000,
  idle_in_transaction_session_timeout: 10_000,
  // every statement of the writer finds its rows by a key; a plan made while a table was small would read all of it later
  enable_seqscan: 'off',
};

const reading = {
  ...everySession,
  application_name: 'imprint-reader',
  default_transaction_read_only: 'on',
  // a transaction for reads is a snapshot
  default_transaction_isolation: 'repeatable read',
};

/**
 * Opens the database at `url`.
 * @param patienceMs how long a transaction waits for a server that went away meanwhile
 * @param driver what speaks to the server
 * @throws usage (no such URL), home_missing (no authority in it), realm_mismatch, storage_failed (away, another version,
 * a server that could forget a commit or cannot write)
 */
export async function openPostgres(
  url: string,
  realm: RealmName,
  patienceMs: number = reconnectMs,
  driver: PostgresDriver = networkDriver,
): Promise<Storage> {
  const address = parsePostgresUrl(url);
  return opened(address, driver, patienceMs, async (storage) => {
    const mark = await readMark(storage.writer);
    if (mark === undefined) {
      throw new ImprintError('home_missing', `there is no authority in the ${address.shown}`, {
        hint: 'Make one with imprint init --database URL, or name the right database.',
      });
    }
    requireVersion(address, mark);
    requireRealm(address, mark, realm);
  });
}

/**
 * Makes the tables of a new authority in the database at `url`, all or none of them, and opens it.
 * @param fill writes what belongs in there from the start, in the same transaction
 * @throws home_exists where an authority is there already; usage, storage_failed
 */
export async function createPostgres(
  url: string,
  realm: RealmName,
  fill: (tx: Kysely<Tables>) => Promise<void> = async () => undefined,
): Promise<Storage> {
  const address = parsePostgresUrl(url);
  return opened(address, networkDriver, reconnectMs, async (storage) => {
    await storage.writer.transaction().execute(async (tx) => {
      const mark = await readMark(tx);
      if (mark !== undefined) throw alreadyThere(address, mark);
      await tx.schema.createSchema(schemaName).ifNotExists().execute();
      await createSchema(tx as unknown as Kysely<Tables>, flavor, realm);
      await fill(tx);
    });
  });
}

/** Connections that only read, beside a storage that is open on the same database. The caller destroys them. */
export function openPostgresReader(url: string): Kysely<Tables> {
  return readerOf(
    connectReaders(parsePostgresUrl(url), networkDriver, readerConnections, () => readPatienceMs),
  );
}

function connectReaders(
  address: PostgresAddress,
  driver: PostgresDriver,
  most: number,
  patienceMs: () => number,
): PostgresPool {
  return readingPool(connect({ address, most, settings: reading, patienceMs, driver }));
}

function readerOf(pool: PostgresPool): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

/** Opens the connections and keeps them where `begin` succeeds: until then, a server that is away is told at once. */
async function opened(
  address: PostgresAddress,
  driver: PostgresDriver,
  laterPatienceMs: number,
  begin: (storage: Storage) => Promise<void>,
): Promise<Storage> {
  let patienceMs = 0;
  const writerPool = connect({
    address,
    most: 1,
    settings: writing,
    check: (client) => requireFit(client, address),
    patienceMs: () => patienceMs,
    driver,
  });
  const readerPool = (most: number) =>
    connectReaders(address, driver, most, () => Math.min(patienceMs, readPatienceMs));
  const writer = new Kysely<Tables>({ dialect: new LockingPostgresDialect({ pool: writerPool }) });
  const reader = readerOf(readerPool(readerConnections));
  const storage: Storage = {
    writer,
    reader,
    openReader: () => readerOf(readerPool(1)),
    serverClock: async (tx) => new Date((await selectClock(tx, {})).rows[0]!.ms),
    fault: postgresFault,
    damage: () => damageOf(reader),
    async close() {
      await reader.destroy();
      await writer.destroy();
    },
  };
  try {
    await begin(storage);
  } catch (error) {
    await storage.close();
    throw error;
  }
  patienceMs = laterPatienceMs;
  return storage;
}

// now() would be when the transaction began to wait for the right to write
const selectClock = statement<object, { ms: number }>((db) =>
  db.selectNoFrom(sql<number>`(extract(epoch from clock_timestamp()) * 1000)::float8`.as('ms')),
);

interface Server {
  version: number;
  encoding: string;
  fsync: string;
  full_page_writes: string;
  read_only: string;
}

async function requireFit(client: ClientBase, address: PostgresAddress): Promise<void> {
  const { rows } = await client.query<Server>(
    `select current_setting('server_version_num')::int as version,
      current_setting('server_encoding') as encoding,
      current_setting('fsync') as fsync,
      current_setting('full_page_writes') as full_page_writes,
      current_setting('transaction_read_only') as read_only`,
  );
  const server = rows[0]!;
  const refuse = (what: string, hint: string) => {
    throw new ImprintError('storage_failed', `the ${address.shown} ${what}`, { hint });
  };
  if (server.version < leastVersion * 10_000) {
    refuse(
      `is of PostgreSQL ${Math.floor(server.version / 10_000)}`,
      `Imprint needs PostgreSQL ${leastVersion} or newer.`,
    );
  }
  if (server.encoding !== 'UTF8') {
    refuse(`keeps its text in ${server.encoding}`, 'Make a database with: createdb --encoding UTF8.');
  }
  for (const setting of ['fsync', 'full_page_writes'] as const) {
    if (server[setting] !== 'on') {
      refuse(
        `has ${setting} = off and could forget what was acknowledged`,
        `Set ${setting} = on in its configuration.`,
      );
    }
  }
  if (server.read_only === 'on') {
    refuse(
      'can only be read from',
      'Name the primary server: this one is a standby, or was set to read-only.',
    );
  }
}

async function readMark(db: Kysely<Tables>): Promise<MetaTable | undefined> {
  const { rows } = await sql<{
    there: boolean;
  }>`select to_regclass('imprint_schema') is not null as there`.execute(db);
  if (!rows[0]!.there) return undefined;
  const meta = await sql<MetaTable>`select * from imprint_schema`.execute(db);
  return meta.rows[0];
}

function alreadyThere(address: PostgresAddress, mark: MetaTable): ImprintError {
  return new ImprintError(
    'home_exists',
    `the ${address.shown} holds an authority of the ${mark.realm} realm already`,
    {
      hint: `Name an empty database. If an init that was broken off left this one: drop schema ${schemaName} cascade.`,
      context: { realm: mark.realm },
    },
  );
}

function requireVersion(address: PostgresAddress, mark: MetaTable): void {
  if (mark.schema_version === schemaVersion) return;
  throw new ImprintError(
    'storage_failed',
    `the ${address.shown} has tables of version ${mark.schema_version}, and this program knows version ${schemaVersion}`,
    { hint: 'Run the version of Imprint that made it, or one that says it migrates that version.' },
  );
}

function requireRealm(address: PostgresAddress, mark: MetaTable, realm: RealmName): void {
  if (mark.realm === realm) return;
  throw new ImprintError(
    'realm_mismatch',
    `the ${address.shown} belongs to the ${mark.realm} realm, not to ${realm}`,
    {
      hint: 'Name the database of this realm. Nothing crosses from one realm to another.',
      context: { realm: mark.realm },
    },
  );
}

/** Pages that one statement reads: half a gigabyte, so that it ends in time. */
const pagesAtOnce = 65_536;

/** Every row of every table is read, which is where the server checks a page's checksum. */
async function damageOf(reader: Kysely<Tables>): Promise<string | null> {
  try {
    for (const table of Object.keys(primaryKeys)) await readAll(reader, table);
    return null;
  } catch (error) {
    const { cause } = error as Error;
    if (postgresFault(cause) !== 'broken') throw error;
    return (cause as Error).message;
  }
}

async function readAll(reader: Kysely<Tables>, table: string): Promise<void> {
  const size = await sql<{ pages: number }>`select
    pg_relation_size(${table}::regclass) / current_setting('block_size')::int as pages`.execute(reader);
  for (let page = 0; page < size.rows[0]!.pages; page += pagesAtOnce) {
    const [from, to] = [page, page + pagesAtOnce].map((at) => `(${at},0)`);
    await sql`select count(whole) from ${sql.table(table)} as whole
      where ctid >= ${from}::tid and ctid < ${to}::tid`.execute(reader);
  }
}
