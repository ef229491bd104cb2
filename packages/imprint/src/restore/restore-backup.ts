/**
 * Makes a home from a backup and a folder of keys. Everything is proven before the home can be opened, no home is written
 * over, and what comes of it is held: it reads, and neither writes nor signs before it is released (I-16).
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { verifyLog } from '@imprint/authority/audit/verify';
import { openSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import type { Tables } from '@imprint/authority/storage/tables';
import { keyNames, rawEd25519 } from '@imprint/authority/trust/hierarchy';
import { Issuers } from '@imprint/authority/trust/issuers';
import { openKeyFolder, type SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import type { VerifierKey } from '@imprint/contract/audit/checkpoint';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import {
  type AuthorityHome,
  authorityHome,
  beginHome,
  certificateFiles,
  readCertificate,
} from '../authority-home.ts';
import { backupFiles } from '../backup/backup-folder.ts';
import { type CheckedBackup, checkBackup } from '../backup/check-backup.ts';
import type { BackupProgress } from '../backup/make-backup.ts';
import { caSigners, sealedSigner } from '../ca-signers.ts';
import { copyFile } from '../copy-file.ts';
import { readLogMark } from '../log-mark.ts';
import { homePassphrase, systemEntropy } from '../open-authority.ts';
import { bringUpTo } from './bring-up-to.ts';
import { type Evidence, type EvidenceOptions, evidenceOf, newestOf, readEvidence } from './evidence.ts';
import { type Held, writeHeld } from './held.ts';

export interface RestoreOptions extends EvidenceOptions {
  /** The backup's folder. */
  from: string;
  /** The new home's. */
  home: string;
  /** The keys, as they were backed up apart. */
  keys: string;
  passphraseFile?: string | undefined;
  /** PIN of the tokens that hold keys, where there are any. */
  pinFile?: string | undefined;
  /** Files with entries after the backup. */
  entries?: string[] | undefined;
}

export interface Restored {
  held: Held;
  /** The longest log that is known of: longer than the restored one where entries are missing. */
  newest: Evidence | undefined;
}

/**
 * @throws home_exists where something stands at `home`; realm_mismatch for keys of another authority; log_inconsistent where
 * the registry is not what the log says, or the log contradicts a checkpoint; passphrase_wrong; what `checkBackup` throws
 */
export async function restoreBackup(
  options: RestoreOptions,
  onProgress: BackupProgress = () => undefined,
): Promise<Restored> {
  const backup = await checkBackup(options.from, undefined, onProgress);
  const evidence = readEvidence(options, backup.logKey);
  const { database: _, ...configuration } = backup.configuration;
  const beside = devPassphraseBeside(options, backup);
  const passphrase = await homePassphrase(
    authorityHome(options.home),
    configuration.realm,
    options.passphraseFile ?? beside,
  );
  const keys = await openKeyFolder(options.keys, passphrase, systemEntropy);
  await requireLogKey(keys, backup.logKey);
  const mark = readLogMark(options.keys, backup.logKey);

  const { home, finish } = beginHome(options.home, configuration);
  copyBelow(join(backup.folder, backupFiles.certificates), home.certificates, 0o644);
  copyBelow(options.keys, home.keys, 0o600);
  if (beside !== undefined) copyFile(beside, home.devPassphrase, 0o600);
  mkdirSync(dirname(home.database), { mode: 0o700 });
  copyFile(join(backup.folder, backupFiles.database), home.database, 0o600);

  // it lags behind what was signed last: it tells how far the log went at least, and releases nobody
  const marked = mark === undefined ? [] : [evidenceOf(mark.text, null, backup.logKey)];
  const requireKeys = (reader: Kysely<Tables>) => requireCaKeys(backup, home, keys, reader, options.pinFile);
  const held = await proveDatabase(
    backup,
    home,
    { evidence, marked, requireKeys },
    options.entries ?? [],
    onProgress,
  );
  writeHeld(home, held);
  finish();
  return { held, newest: newestOf([...evidence, ...marked]) };
}

/** Brings it up to the evidence where entries are given, computes all of it anew, and closes it. */
async function proveDatabase(
  backup: CheckedBackup,
  home: AuthorityHome,
  {
    evidence,
    marked,
    requireKeys,
  }: {
    evidence: readonly Evidence[];
    marked: readonly Evidence[];
    requireKeys: (reader: Kysely<Tables>) => Promise<void>;
  },
  entries: readonly string[],
  onProgress: BackupProgress,
): Promise<Held> {
  const storage = await openSqlite(home.database, backup.configuration.realm);
  try {
    const brought =
      entries.length === 0
        ? 0
        : await bringUpTo(storage, [...evidence, ...marked], entries, (done) =>
            onProgress('taking up entries', done),
          );
    await requireKeys(storage.reader);
    const { size } = await storage.reader.selectFrom('log_head').select('size').executeTakeFirstOrThrow();
    const within = evidence.filter((one) => one.size <= size).map(({ text }) => text);
    const report = await verifyLog(storage.reader, {
      realm: backup.configuration.realm,
      earlier: { texts: [backup.checkpoint.text, ...within], key: backup.logKey },
      onProgress: (done) => onProgress('rebuilding the registry from the log', done),
    });
    const first = report.findings[0];
    if (first !== undefined) {
      throw new ImprintError(
        'log_inconsistent',
        `the backup does not hold what its log says: ${first.table} ${first.row} ${first.what}`,
        {
          hint: 'Nothing was restored. Take another backup, and find out who changed this one.',
          context: { problems: report.problems },
        },
      );
    }
    return {
      version: 1,
      backup_at: backup.manifest.made_at,
      size: report.size,
      root: report.root,
      brought,
      checkpoints: evidence.map(({ text, cosignedBy, toldSize }) => ({
        text,
        cosigned_by: cosignedBy,
        told_size: toldSize,
      })),
    };
  } finally {
    await storage.close();
  }
}

/** A log's key of another authority would sign what nobody believes. @throws realm_mismatch, file_invalid */
async function requireLogKey(keys: SealedKeyFolder, logKey: VerifierKey): Promise<void> {
  if (equalBytes(rawEd25519(await keys.read(keyNames.log)), logKey.publicKey)) return;
  throw new ImprintError(
    'realm_mismatch',
    `the key of the log in ${keys.path} does not belong to ${logKey.name}`,
    {
      hint: 'Name the folder of keys that was backed up from this authority.',
    },
  );
}

/** The key of each CA that certifies, and of the listener, held against its certificate. @throws key_locked, realm_mismatch, file_invalid */
async function requireCaKeys(
  { configuration }: CheckedBackup,
  home: AuthorityHome,
  keys: SealedKeyFolder,
  reader: Kysely<Tables>,
  pinFile: string | undefined,
): Promise<void> {
  const { publicKey } = new X509Certificate(readCertificate(home, 'server'));
  const { spki } = await sealedSigner(keys, keyNames.server);
  if (!equalBytes(spki, publicKey.export({ format: 'der', type: 'spki' }))) {
    throw new ImprintError(
      'realm_mismatch',
      `the key ${keyNames.server} in ${keys.path} does not belong to ${certificateFiles.server}`,
      {
        hint: 'Name the folder of keys that was backed up from this authority.',
      },
    );
  }
  const signers = caSigners(keys, pinFile);
  try {
    await new Issuers(configuration.realm, signers.open, configuration.public_url).openActive(reader);
  } finally {
    await signers.close();
  }
}

/** In the dev realm the passphrase lies beside the keys, and goes with them. */
function devPassphraseBeside(
  { keys, passphraseFile }: RestoreOptions,
  { configuration }: CheckedBackup,
): string | undefined {
  const beside = join(dirname(resolve(keys)), 'dev-passphrase');
  return configuration.realm === 'dev' && passphraseFile === undefined && existsSync(beside)
    ? beside
    : undefined;
}

function copyBelow(from: string, to: string, mode: number): void {
  mkdirSync(to, { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    // what begins with a point was being written when the folder was copied
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) copyBelow(join(from, entry.name), join(to, entry.name), mode);
    else if (entry.isFile()) copyFile(join(from, entry.name), join(to, entry.name), mode);
  }
}
