/** The keys of a root on the machine without a network: sealed in a folder apart from the stick, or in a token that the folder names. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Issuer, openIssuer } from '@imprint/authority/issuing/issuer';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { openKeyFolder, type SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { fromPem } from '@imprint/contract/x509/pem';
import type { Realm } from '@imprint/contract/x509/realm';
import { sealedSigner } from '../ca-signers.ts';
import { systemEntropy } from '../open-authority.ts';
import { type Stick, stickFiles } from './stick.ts';

export type Branch = 'device' | 'station';

/** The name of a root's key in the folder. */
export const rootKeys: Record<Branch, string> = { device: keyNames.root, station: keyNames.stationRoot };
export const rootFiles: Record<Branch, string> = { device: stickFiles.root, station: stickFiles.stationRoot };

/** Whether a key of that name is there: sealed, or as a reference to a token. */
export async function hasKey(keys: SealedKeyFolder, name: string): Promise<boolean> {
  return (await keys.names()).includes(name) || existsSync(join(keys.path, `${name}.token.json`));
}

/** The stick goes from hand to hand, and the keys do not. @throws path_refused */
export function requireApart(stick: string, secret: string, what: string): void {
  const real = (path: string): string => {
    const full = resolve(path);
    return existsSync(full) ? realpathSync(full) : join(real(dirname(full)), relative(dirname(full), full));
  };
  const inside = relative(real(stick), real(secret));
  if (inside.startsWith('..')) return;
  throw new ImprintError('path_refused', `${what} would stand on the stick: ${secret}`, {
    hint: 'Name a place that is not carried to the authority.',
  });
}

/** Certificate (DER) of a root of the stick. */
export function rootCertificate(stick: Stick, branch: Branch): Uint8Array {
  return fromPem('CERTIFICATE', stick.text(rootFiles[branch], limits.dutMessageBytes), 1)[0]!;
}

/**
 * The root of a branch, open to sign.
 * @throws passphrase_wrong, file_invalid, key_locked where the folder holds another root's key, certificate_refused
 */
export async function openRoot(
  stick: Stick,
  keyFolder: string,
  passphrase: Uint8Array,
  realm: Realm,
  branch: Branch,
): Promise<Issuer> {
  requireApart(stick.folder, keyFolder, 'the key folder');
  const keys = await openKeyFolder(keyFolder, passphrase, systemEntropy);
  return openIssuer(rootCertificate(stick, branch), await sealedSigner(keys, rootKeys[branch]), realm);
}
