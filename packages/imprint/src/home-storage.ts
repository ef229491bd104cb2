/** The storage of a home: a file in its folder, or the PostgreSQL database that its configuration names. The one place that tells which. */

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createSqlite, openSqlite, openSqliteReader } from '@imprint/authority/storage/sqlite/open-sqlite';
import type { Storage } from '@imprint/authority/storage/storage';
import type { Tables } from '@imprint/authority/storage/tables';
import { logId } from '@imprint/authority/trust/hierarchy';
import type { VerifierKey } from '@imprint/contract/audit/checkpoint';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import type { Kysely } from 'kysely';
import {
  type AuthorityConfiguration,
  type AuthorityHome,
  certificateFiles,
  readCertificate,
} from './authority-home.ts';

// loaded where it is needed: a home with a file starts without it
const postgres = () => import('@imprint/authority/storage/postgres/open-postgres');

/** @throws home_missing, home_exists, realm_mismatch (of another realm or authority), storage_failed, path_refused */
export async function openStorage(
  home: AuthorityHome,
  { realm, database }: AuthorityConfiguration,
  logKey: VerifierKey,
): Promise<Storage> {
  if (database === undefined) return openSqlite(home.database, realm);
  const storage = await (await postgres()).openPostgres(database, realm);
  try {
    await requireOwnLog(storage, logKey);
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** Connections for reading alone, beside a storage of this process that is open. The caller destroys them. */
export async function openReader(
  home: AuthorityHome,
  { database }: AuthorityConfiguration,
): Promise<Kysely<Tables>> {
  if (database === undefined) return openSqliteReader(home.database);
  return (await postgres()).openPostgresReader(database);
}

/** Makes the storage of a new home. @throws home_exists, storage_failed */
export async function createStorage(
  home: AuthorityHome,
  { realm, database }: AuthorityConfiguration,
): Promise<Storage> {
  if (database === undefined) return createSqlite(home.database, realm);
  return (await postgres()).createPostgres(database, realm);
}

/** Clears away the file of a storage that was begun for a home which waits still; a database of a server is its operators'. */
export function clearBegunStorage(home: AuthorityHome, { database }: AuthorityConfiguration): void {
  if (database === undefined) rmSync(dirname(home.database), { recursive: true, force: true });
}

/** A folder brings its own file, but a URL may lead anywhere. @throws realm_mismatch */
export async function requireOwnLog({ reader }: Storage, logKey: VerifierKey): Promise<void> {
  const row = await reader.selectFrom('realm').select(['log_id', 'log_origin']).executeTakeFirst();
  if (row?.log_id === logId(logKey.publicKey)) return;
  throw new ImprintError(
    'realm_mismatch',
    row === undefined
      ? 'the database holds an authority that was never finished'
      : `the database holds another authority, with the log ${row.log_origin}`,
    { hint: 'Name the database that belongs to this home, or the home that belongs to this database.' },
  );
}

/**
 * Copies of a home come apart where one of them is changed: its root and the CAs that it began with are held against what the log
 * names. Every CA's key is held against its certificate in the log when it is opened.
 * @throws realm_mismatch
 */
export async function requireOwnCertificates({ reader }: Storage, home: AuthorityHome): Promise<void> {
  const named = await reader
    .selectFrom('realm')
    .select(['root_sha256 as root', 'issuing_ca_sha256 as issuing', 'station_ca_sha256 as stationCa'])
    .executeTakeFirstOrThrow();
  for (const which of ['root', 'issuing', 'stationCa'] as const) {
    const found = sha256Hex(readCertificate(home, which));
    if (found === named[which]) continue;
    throw new ImprintError(
      'realm_mismatch',
      `${join(home.certificates, certificateFiles[which])} is another certificate than the log names`,
      {
        hint: 'Take certificates/ and keys/ from a home of this authority that works: all of its processes issue under the same CAs.',
        context: { found, named: named[which] },
      },
    );
  }
}
