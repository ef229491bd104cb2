/**
 * Where the PIN of a token comes from: a file that only its owner reads, a systemd credential, or a prompt. Never an argument or
 * the value of an environment variable, which other processes and crash reports can see.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { readSecretFile, type SecretKind, trimmedSecret } from './secret-file.ts';

export interface PinSources {
  /** A file that the person named with `--pin-file`. */
  file?: string | undefined;
  /** `$IMPRINT_PIN_FILE`: the path of a file. */
  environmentFile?: string | undefined;
  /** `$CREDENTIALS_DIRECTORY`, the folder in which systemd puts `imprint-pin`. */
  credentialsDirectory?: string | undefined;
  /** Asks the person, where there is a terminal. */
  prompt?: ((question: string) => Promise<Uint8Array>) | undefined;
}

const pin: SecretKind = { name: 'PIN', wrong: 'key_locked', maxBytes: limits.pinBytes };
const credentialName = 'imprint-pin';

/**
 * The PIN from the first source that is given: file, environment, credential, prompt. One line break at the end is no part of
 * it. The caller overwrites it after use.
 * @param of what it opens, for the prompt
 * @throws file_invalid where the file cannot be read or others may read it; key_locked where it is empty or too long; usage
 * where there is no source
 */
export async function readPin(sources: PinSources, of: string): Promise<Uint8Array> {
  const file = sources.file ?? sources.environmentFile;
  if (file !== undefined) return readSecretFile(file, 0o077, pin);
  const credential =
    sources.credentialsDirectory === undefined
      ? undefined
      : join(sources.credentialsDirectory, credentialName);
  // systemd lets the service's user read through an ACL, which shows in the group's bits
  if (credential !== undefined && existsSync(credential)) return readSecretFile(credential, 0o037, pin);
  if (sources.prompt !== undefined) return trimmedSecret(await sources.prompt(`PIN of ${of}: `), pin);
  throw new ImprintError('usage', `There is no way to get the PIN of ${of}.`, {
    hint: `Name a file (mode 0600) with --pin-file or IMPRINT_PIN_FILE, give systemd the credential ${credentialName}, or run at a terminal.`,
  });
}
