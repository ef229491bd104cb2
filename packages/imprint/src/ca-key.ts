/** The key of a new CA or root: made here and sealed, or one that was made in a token, whose reference then stands in its place. */
import { parseTokenReference, type TokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import { makeKey } from '@imprint/authority/signer/software';
import type { SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';
import { limits } from '@imprint/contract/limits';
import { readBoundedFile } from './read-bounded-file.ts';

/** Puts a key under this name; one that is there already, of a run that was broken off, stays. @throws file_invalid */
export async function placeKey(
  keys: SealedKeyFolder,
  name: string,
  reference: TokenReference | undefined,
): Promise<void> {
  if ((await keys.readReference(name)) !== undefined || (await keys.names()).includes(name)) return;
  if (reference === undefined) await keys.write(name, makeKey('ec-p256'));
  else await keys.writeReference(name, `${JSON.stringify(reference, null, 2)}\n`);
}

/** The reference in a file that a person named, as `imprint hsm generate-key` writes it; undefined where none was. @throws file_invalid */
export function readReferenceFile(file: string | undefined): TokenReference | undefined {
  return file === undefined ? undefined : parseTokenReference(readBoundedFile(file, limits.yamlBytes), file);
}
