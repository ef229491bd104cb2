/** Reads the file in which `imprint hsm generate-key` has written where a key is. */
import { parseTokenReference, type TokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import { limits } from '@imprint/contract/limits';
import { readBoundedFile } from './read-bounded-file.ts';

/** @throws file_invalid */
export function readTokenReference(file: string): TokenReference {
  return parseTokenReference(readBoundedFile(file, limits.yamlBytes), file);
}
