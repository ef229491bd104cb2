/**
 * Backs an authority up while it works: one folder with the database of one moment, and all that belongs to it save the
 * keys. The copy is read back before it counts: its checkpoint is signed over what its own entries hash to.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rootOfEntries } from '@imprint/authority/audit/root-of-entries';
import { copyTables } from '@imprint/authority/storage/copy-tables';
import { schemaVersion } from '@imprint/authority/storage/schema';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { copySqlite, endWal } from '@imprint/authority/storage/sqlite/copy-sqlite';
import { createSqlite, openSqliteReader } from '@imprint/authority/storage/sqlite/open-sqlite';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { copyFile } from '../copy-file.ts';
import type { OpenAuthority } from '../open-authority.ts';
import { backupFiles, factsOf, filesBelow, type Manifest } from './backup-folder.ts';
import { beginFolder } from './folder-in-work.ts';
import { noteLastBackup } from './last-backup.ts';

/** Says what is being done, and how far it is. */
export type BackupProgress = (what: string, done: number, of?: number) => void;

/** What a run that was broken off may have left. */
const mayBeLeft = [
  backupFiles.database,
  ...['-wal', '-shm', '-journal'].map((end) => `${backupFiles.database}${end}`),
  backupFiles.configuration,
  backupFiles.certificates,
  backupFiles.checkpoint,
  backupFiles.signature,
  backupFiles.manifest,
];

/**
 * Makes the backup in `to`, a new folder of mode 0700, and notes in the home that it was made.
 * @throws home_exists where something stands at `to`; log_inconsistent where the copy is no past of the log, or misses an
 * entry; path_refused, file_invalid (a private key among the certificates), storage_failed, passphrase_wrong
 */
export async function makeBackup(
  authority: Omit<OpenAuthority, 'person'>,
  to: string,
  onProgress: BackupProgress = () => undefined,
): Promise<Manifest> {
  const { checkpoints } = await authority.unlock();
  const work = beginFolder(to, mayBeLeft);
  try {
    const { folder } = work;
    const database = join(folder, backupFiles.database);
    await copyDatabase(authority, database, onProgress);
    const head = await headOfCopy(database, onProgress);
    const signed = await checkpoints.of(head);
    writeFileSync(join(folder, backupFiles.checkpoint), signed.text, { mode: 0o600 });
    copyFile(authority.home.configurationFile, join(folder, backupFiles.configuration), 0o600);
    copyCertificates(authority.home.certificates, folder);
    const manifest: Manifest = {
      version: 1,
      made_at: authority.clock().toISOString(),
      realm: authority.configuration.realm,
      origin: authority.logKey.name,
      size: head.size,
      root: toHex(head.root),
      schema_version: schemaVersion,
      files: [],
    };
    for (const name of filesBelow(folder)) manifest.files.push(await factsOf(folder, name));
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    writeFileSync(join(folder, backupFiles.signature), await checkpoints.signBackup(text), { mode: 0o600 });
    // comes last: a folder without it is no backup
    writeFileSync(join(folder, backupFiles.manifest), text, { mode: 0o600 });
    work.finish();
    noteLastBackup(authority.home, { at: manifest.made_at, size: manifest.size, root: manifest.root });
    return manifest;
  } catch (error) {
    work.abandon();
    throw error;
  }
}

async function copyDatabase(
  { configuration, home, storage }: Omit<OpenAuthority, 'person'>,
  to: string,
  onProgress: BackupProgress,
): Promise<void> {
  if (configuration.database === undefined) {
    return copySqlite(home.database, to, (done, of) => onProgress('copying pages of the database', done, of));
  }
  const copy = await createSqlite(to, configuration.realm);
  try {
    await withSnapshot(storage, (reader) =>
      copy.writer
        .transaction()
        .execute((tx) => copyTables(reader, tx, (table, rows) => onProgress(`copying ${table}`, rows))),
    );
  } finally {
    await copy.close();
  }
  endWal(to);
}

/** Of the copy's entries, which its own head must name. @throws log_inconsistent */
async function headOfCopy(database: string, onProgress: BackupProgress) {
  const reader = openSqliteReader(database);
  try {
    return await rootOfEntries(reader, (entries) => onProgress('reading entries back', entries));
  } finally {
    await reader.destroy();
  }
}

/** Whatever certificates there are, and the log's verifier key. @throws file_invalid where a private key lies among them */
function copyCertificates(from: string, folder: string): void {
  for (const name of filesBelow(from)) {
    const source = join(from, name);
    if (
      statSync(source).size > limits.backupFileBytes ||
      /PRIVATE KEY/.test(readFileSync(source, 'latin1'))
    ) {
      throw new ImprintError('file_invalid', `${source} is no certificate`, {
        hint: 'A private key, or a file that large, has no place there and goes into no backup. Take it away, then run this again.',
      });
    }
    const target = join(folder, backupFiles.certificates, name);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    copyFile(source, target, 0o600);
  }
}
