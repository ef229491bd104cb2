/**
 * Where the key folder's passphrase comes from: a file that only its owner reads, a systemd credential, or a prompt.
 * Never an argument or the value of an environment variable, which other processes and crash reports can see.
 */
import { join } from 'node:path';
import type { ReadStream, WriteStream } from 'node:tty';
import { ImprintError } from '@imprint/contract/errors';
import { readSecretFile, type SecretKind, trimmedSecret } from './secret-file.ts';

export interface PassphraseSources {
  /** A file that the person named. */
  file?: string | undefined;
  /** `$CREDENTIALS_DIRECTORY`, the folder in which systemd puts `imprint-passphrase`. */
  credentialsDirectory?: string | undefined;
  /** Asks the person, where there is a terminal. */
  prompt?: ((question: string) => Promise<Uint8Array>) | undefined;
}

const credentialName = 'imprint-passphrase';
const maxPassphraseBytes = 1024;
const passphrase: SecretKind = {
  name: 'passphrase',
  wrong: 'passphrase_wrong',
  maxBytes: maxPassphraseBytes,
};

/**
 * The passphrase from the first source that is given: file, credential, prompt. One line break at the end is no part
 * of it. The caller overwrites it after use.
 * @throws file_invalid where the file cannot be read or others may read it; passphrase_wrong where it is empty or too
 * long; usage where there is no source
 */
export async function readPassphrase(sources: PassphraseSources): Promise<Uint8Array> {
  if (sources.file !== undefined) return readSecretFile(sources.file, 0o077, passphrase);
  if (sources.credentialsDirectory) {
    // systemd lets the service's user read through an ACL, which shows in the group's bits
    return readSecretFile(join(sources.credentialsDirectory, credentialName), 0o037, passphrase);
  }
  if (sources.prompt !== undefined) {
    return trimmedSecret(await sources.prompt('Passphrase of the key folder: '), passphrase);
  }
  throw new ImprintError('usage', 'There is no way to get the passphrase of the key folder.', {
    hint: `Name a file (mode 0600), give systemd the credential ${credentialName}, or run at a terminal.`,
  });
}

/** Asks at a terminal without showing what is typed. Control-C rejects with `usage`. */
export function promptHidden(input: ReadStream, output: WriteStream, question: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const typed: number[] = [];
    const finish = (settle: () => void) => {
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
      output.write('\n');
      settle();
    };
    const onData = (chunk: Buffer) => {
      for (const byte of chunk) {
        if (byte === 0x0d || byte === 0x0a) return finish(() => resolve(takeBytes(typed)));
        if (byte === 0x03 || byte === 0x04) {
          return finish(() => reject(new ImprintError('usage', 'Nothing was typed in.')));
        }
        if (byte === 0x7f || byte === 0x08) eraseCharacter(typed);
        else if (typed.length < maxPassphraseBytes) typed.push(byte);
      }
      chunk.fill(0);
    };
    output.write(question);
    input.setRawMode(true);
    input.on('data', onData);
    input.resume();
  });
}

function takeBytes(typed: number[]): Uint8Array {
  const bytes = Uint8Array.from(typed);
  typed.fill(0);
  return bytes;
}

function eraseCharacter(typed: number[]): void {
  while (typed.length > 0 && (typed.pop()! & 0xc0) === 0x80);
}
