/** The keys of a root on the machine without a network: sealed in a folder apart from the stick, or in a token that the folder names. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type Issuer, openIssuer } from '@imprint/authority/issuing/issuer';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { openKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { fromPem } from '@imprint/contract/x509/pem';
import { type CaSigners, caSigners } from '../ca-signers.ts';
import { systemEntropy } from '../open-authority.ts';
import { type Stick, stickFiles } from './stick.ts';

export type Branch = 'device' | 'station';

/** The name of a root's key in the folder. */
export const rootKeys: Record<Branch, string> = { device: keyNames.root, station: keyNames.stationRoot };
export const rootFiles: Record<Branch, string> = { device: stickFiles.root, station: stickFiles.stationRoot };

/** The stick goes from hand to hand, and the keys do not. @throws path_refused */
export function requireApart(stick: string, secret: string, what: string): void {
  const real = (path: string): string => {
    const full = resolve(path);
    return existsSync(full) ? realpathSync(full) : join(real(dirname(full)), relative(dirname(full), full));
  };
  const inside = relative(real(stick), real(secret));
  // a name that only begins with two dots is one on the stick
  if (inside.split(sep)[0] === '..') return;
  throw new ImprintError('path_refused', `${what} would stand on the stick: ${secret}`, {
    hint: 'Name a place that is not carried to the authority.',
  });
}

/** Certificate (DER) of a root of the stick. */
export function rootCertificate(stick: Stick, branch: Branch): Uint8Array {
  return fromPem('CERTIFICATE', stick.text(rootFiles[branch], limits.dutMessageBytes), 1)[0]!;
}

/**
 * Signers of the root's keys, sealed in the folder or in a token that it names. The caller closes them.
 * @throws passphrase_wrong, file_invalid; ceremony_invalid where the keys know of more than the stick does
 */
export async function openRootKeys(
  stick: Stick,
  keyFolder: string,
  passphrase: Uint8Array,
  pinFile?: string,
): Promise<CaSigners> {
  requireApart(stick.folder, keyFolder, 'the key folder');
  const keys = await openKeyFolder(keyFolder, passphrase, systemEntropy);
  stick.usedWith(keyFolder);
  return caSigners(keys, pinFile);
}

/**
 * The root of a branch, open to sign.
 * @throws key_locked where the folder holds another root's key, certificate_refused; of a token as `CaSigners.open`
 */
export async function rootIssuer(stick: Stick, signers: CaSigners, branch: Branch): Promise<Issuer> {
  const signer = await signers.open(rootKeys[branch]);
  return openIssuer(rootCertificate(stick, branch), signer, stick.first!.realm);
}

/** The root of a branch whose key is sealed in the folder: nothing is left open. */
export async function openRoot(
  stick: Stick,
  keyFolder: string,
  passphrase: Uint8Array,
  branch: Branch,
): Promise<Issuer> {
  return rootIssuer(stick, await openRootKeys(stick, keyFolder, passphrase), branch);
}
