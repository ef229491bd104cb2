/**
 * Verifies a backup without restoring it: every file against the manifest, the log's signature under that, the checkpoint's, and the
 * root over the entries that the database holds. It believes no file before its hash is right, and opens no database before the
 * manifest's signature is.
 */
import { join } from 'node:path';
import { rootOfEntries } from '@imprint/authority/audit/root-of-entries';
import { openSqliteReader } from '@imprint/authority/storage/sqlite/open-sqlite';
import { logId } from '@imprint/authority/trust/hierarchy';
import { verifyBackupManifest } from '@imprint/contract/audit/backup-signature';
import {
  type Checkpoint,
  parseVerifierKey,
  type VerifierKey,
  verifyCheckpoint,
} from '@imprint/contract/audit/checkpoint';
import { equalBytes, toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type AuthorityConfiguration, readConfigurationFile } from '../authority-home.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { backupFiles, factsOf, filesBelow, type Manifest, readManifest } from './backup-folder.ts';
import type { BackupProgress } from './make-backup.ts';

export interface CheckedBackup {
  folder: string;
  manifest: Manifest;
  configuration: AuthorityConfiguration;
  logKey: VerifierKey;
  checkpoint: Checkpoint & { text: string };
}

/**
 * @param pinned the log's key as its holder knows it; absent, the one in the backup is believed
 * @throws file_invalid where a file is changed, missing or strange; signature_wrong where the manifest was mended; checkpoint_invalid; log_inconsistent
 * where the entries are not those that were signed; realm_mismatch where parts of several authorities are mixed
 */
export async function checkBackup(
  folder: string,
  pinned?: VerifierKey,
  onProgress: BackupProgress = () => undefined,
): Promise<CheckedBackup> {
  const { text: manifestText, ...manifest } = readManifest(folder);
  await requireFiles(folder, manifest, onProgress);
  const at = (name: string) => join(folder, name);
  const logKey = parseVerifierKey(readBoundedFile(at(backupFiles.logKey), limits.noteBytes).trim());
  if (pinned !== undefined && !equalBytes(pinned.publicKey, logKey.publicKey)) {
    throw mixed(`the backup is of another log than the key ${pinned.name}`);
  }
  verifyBackupManifest(manifestText, readBoundedFile(at(backupFiles.signature), limits.noteBytes), logKey);
  const configuration = readConfigurationFile(at(backupFiles.configuration));
  const text = readBoundedFile(at(backupFiles.checkpoint), limits.noteBytes);
  const checkpoint = { ...verifyCheckpoint(text, logKey), text };
  if (configuration.realm !== manifest.realm) throw mixed('manifest and configuration are of two realms');
  const reader = openSqliteReader(at(backupFiles.database));
  try {
    const { size, root } = await rootOfEntries(reader, (entries) => onProgress('hashing entries', entries));
    const realm = await reader.selectFrom('realm').select(['realm', 'log_id']).executeTakeFirst();
    if (realm?.log_id !== logId(logKey.publicKey) || realm.realm !== configuration.realm) {
      throw mixed('the database is of another authority than the certificates');
    }
    if (
      size !== checkpoint.size ||
      !equalBytes(root, checkpoint.root) ||
      manifest.size !== size ||
      manifest.root !== toHex(root)
    ) {
      throw new ImprintError(
        'log_inconsistent',
        `the database holds ${size} entries with the root ${toHex(root)}; signed were ${checkpoint.size} with ${toHex(checkpoint.root)}`,
        { hint: 'Do not restore this backup. Take another one, and find out who changed this.' },
      );
    }
  } finally {
    await reader.destroy();
  }
  return { folder, manifest, configuration, logKey, checkpoint };
}

/** @throws file_invalid */
async function requireFiles(folder: string, manifest: Manifest, onProgress: BackupProgress): Promise<void> {
  const refuse = (name: string, what: string) =>
    new ImprintError('file_invalid', `${join(folder, name)} ${what}`, {
      hint: 'Do not restore this backup: take another one. If this one was changed on its way, fetch it again.',
    });
  const named = new Set(manifest.files.map((file) => file.path));
  const found = new Set(filesBelow(folder));
  if (!found.has(backupFiles.signature)) throw refuse(backupFiles.signature, 'is missing');
  for (const name of found) {
    const isAround = name === backupFiles.manifest || name === backupFiles.signature;
    if (!isAround && !named.has(name)) throw refuse(name, 'is not named by the manifest');
  }
  for (const [at, file] of manifest.files.entries()) {
    onProgress('hashing files', at, manifest.files.length);
    if (!found.has(file.path)) throw refuse(file.path, 'is missing');
    const facts = await factsOf(folder, file.path);
    if (facts.bytes !== file.bytes || facts.sha256 !== file.sha256) throw refuse(file.path, 'was changed');
  }
}

function mixed(what: string): ImprintError {
  return new ImprintError('realm_mismatch', what, {
    hint: 'Take each backup as it was made: a folder is never put together from several.',
  });
}
