/**
 * The log's signature over the manifest of a backup. The manifest names every file by its hash, so that one signature vouches for all
 * that no checkpoint covers: what people sign in with, sessions, tokens of enrolment, and the configuration.
 */
import { concatBytes, fromBase64, toBase64, toUtf8 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { verifySignature } from '../x509/signature.ts';
import type { NoteSigner, VerifierKey } from './checkpoint.ts';

/** What is signed: no checkpoint begins so, since an origin holds no space. */
const backupBytes = (manifest: string) => concatBytes(toUtf8('imprint backup v1\n'), toUtf8(manifest));

/** The signature (Ed25519, base64, and a newline) under the exact text of a manifest. */
export async function signBackupManifest(manifest: string, sign: NoteSigner): Promise<string> {
  return `${toBase64(await sign(backupBytes(manifest)))}\n`;
}

/** @throws signature_wrong where the log's key has not signed exactly this text; file_invalid where it is no signature at all */
export function verifyBackupManifest(
  manifest: string,
  signature: string,
  { name, publicKey }: VerifierKey,
): void {
  const bytes = fromBase64(signature.trimEnd(), 'file_invalid');
  if (verifySignature({ type: 'ed25519', raw: publicKey }, backupBytes(manifest), bytes)) return;
  throw new ImprintError('signature_wrong', `the manifest of the backup is not signed by the log ${name}`, {
    hint: 'Do not restore this backup: somebody who has not the key of the log has changed it. Take another one.',
  });
}
