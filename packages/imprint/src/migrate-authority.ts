/**
 * Moves an authority's database from the file in its home into PostgreSQL, whole or not at all. The copy is proven before
 * the home is switched to it; broken off anywhere, the home works as it did, and a second run finishes what is left.
 */
import { compareTables } from '@imprint/authority/audit/compare-tables';
import { Findings } from '@imprint/authority/audit/finding';
import { verifyLog } from '@imprint/authority/audit/verify';
import { copyTables } from '@imprint/authority/storage/copy-tables';
import { createPostgres, openPostgres } from '@imprint/authority/storage/postgres/open-postgres';
import { primaryKeys, projectedTables, type TableName } from '@imprint/authority/storage/schema';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { openSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import { openSoleSqlite } from '@imprint/authority/storage/sqlite/sole-sqlite';
import type { Storage } from '@imprint/authority/storage/storage';
import type { Tables } from '@imprint/authority/storage/tables';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { equalBytes, toHex } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import {
  type AuthorityConfiguration,
  type AuthorityHome,
  authorityHome,
  readConfiguration,
  writeConfiguration,
} from './authority-home.ts';
import { requireOwnLog } from './home-storage.ts';
import { readBoundedFile } from './read-bounded-file.ts';

export interface Migrated {
  /** Of the log, in the old database and in the new one. */
  size: number;
  root: string;
  /** The database that is no longer written to. */
  retired: string;
}

/** Says what is being done, and how far it is. */
export type MigrationProgress = (what: string, done: number) => void;

/**
 * Moves the database of the home in `folder` to `url` and proves it: the log's root is computed anew from the copy, every
 * table is rebuilt from the log and compared, and what the log does not hold is compared with the original.
 * @throws unavailable while another process has the old database open; home_exists where another authority, or an older
 * state of this one, stands in the new one; log_inconsistent where the copy is not proven; home_missing, usage, storage_failed
 */
export async function migrateAuthority(
  folder: string,
  url: string,
  onProgress: MigrationProgress = () => undefined,
): Promise<Migrated> {
  const home = authorityHome(folder);
  const configuration = readConfiguration(home);
  if (configuration.database !== undefined && configuration.database !== url) {
    throw new ImprintError('usage', `this home has its database at ${configuration.database} already`, {
      hint: 'From one PostgreSQL server to another, use the tools of PostgreSQL, and then change the configuration.',
    });
  }
  // one of another version or realm is refused as by every command
  await (await openSqlite(home.database, configuration.realm)).close();
  const old = await openSoleSqlite(home.database);
  try {
    const storage = await openCopy(home, configuration, url, old.db, onProgress);
    try {
      const head = await headOf(storage.reader);
      if (configuration.database === undefined) writeConfiguration(home, { ...configuration, database: url });
      await old.retire();
      return { size: head.size, root: toHex(head.root), retired: home.database };
    } finally {
      await storage.close();
    }
  } finally {
    await old.close();
  }
}

/** The new database, proven to hold what the old one does. */
async function openCopy(
  home: AuthorityHome,
  { realm, database }: AuthorityConfiguration,
  url: string,
  old: Kysely<Tables>,
  onProgress: MigrationProgress,
): Promise<Storage> {
  const prove = (copy: Kysely<Tables>) => requireCopy(old, copy, realm, onProgress);
  if (database === undefined) {
    try {
      return await createPostgres(url, realm, async (tx) => {
        await copyTables(old, tx, (table, rows) => onProgress(`copying ${table}`, rows));
        await prove(tx);
      });
    } catch (error) {
      if (!isImprintError(error, 'home_exists')) throw error;
    }
  }
  // an earlier run was broken off after the copy was made
  const storage = await openPostgres(url, realm);
  try {
    await requireOwnLog(storage, parseVerifierKey(readBoundedFile(home.logKeyFile, limits.noteBytes).trim()));
    if (database === undefined) {
      await requireSameHead(old, storage.reader);
      await withSnapshot(storage, prove);
    }
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

const headOf = (db: Kysely<Tables>) =>
  db.selectFrom('log_head').select(['size', 'root']).executeTakeFirstOrThrow();

async function requireSameHead(old: Kysely<Tables>, copy: Kysely<Tables>): Promise<void> {
  const [here, there] = [await headOf(old), await headOf(copy)];
  if (here.size === there.size && equalBytes(here.root, there.root)) return;
  throw new ImprintError(
    'home_exists',
    `the new database holds ${there.size} entries of this log already, and the home ${here.size}`,
    {
      hint: 'It is left from a move that was broken off. If nobody works with it: drop schema imprint cascade; then run this again.',
    },
  );
}

/** @throws log_inconsistent */
async function requireCopy(
  old: Kysely<Tables>,
  copy: Kysely<Tables>,
  realm: AuthorityConfiguration['realm'],
  onProgress: MigrationProgress,
): Promise<void> {
  const verified = (entries: number) => onProgress('verifying the log and its tables', entries);
  verified(0);
  const report = await verifyLog(copy, { realm, onProgress: verified });
  const head = await headOf(old);
  const findings = new Findings();
  await compareTables(copy, old, findings, tablesOfTheirOwn);
  const first = report.findings[0] ?? findings.list[0];
  const isSame = report.size === head.size && report.root === toHex(head.root);
  if (first === undefined && isSame) return;
  throw new ImprintError(
    'log_inconsistent',
    first === undefined
      ? `the copy has the root ${report.root} of ${report.size} entries, and the home ${toHex(head.root)} of ${head.size}`
      : `the copy is not what the log says: ${first.table} ${first.row}`,
    { hint: 'Nothing was moved. Run imprint audit verify on the home as it is.' },
  );
}

/** The log's own tables, and those that it does not rebuild. */
const projected: ReadonlySet<string> = new Set(projectedTables);
const tablesOfTheirOwn = (Object.keys(primaryKeys) as TableName[]).filter((table) => !projected.has(table));
