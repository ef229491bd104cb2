/**
 * Where the key folder's passphrase comes from: a file that only its owner reads, a systemd credential, or a prompt.
 * Never an argument or the value of an environment variable, which other processes and crash reports can see.
 */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadStream, WriteStream } from 'node:tty';
import { ImprintError } from '@imprint/contract/errors';

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

/**
 * The passphrase from the first source that is given: file, credential, prompt. One line break at the end is no part
 * of it. The caller overwrites it after use.
 * @throws file_invalid where the file cannot be read or others may read it; passphrase_wrong where it is empty or too
 * long; usage where there is no source
 */
export async function readPassphrase(sources: PassphraseSources): Promise<Uint8Array> {
  if (sources.file !== undefined) return readSecretFile(sources.file, 0o077);
  if (sources.credentialsDirectory) {
    // systemd lets the service's user read through an ACL, which shows in the group's bits
    return readSecretFile(join(sources.credentialsDirectory, credentialName), 0o037);
  }
  if (sources.prompt !== undefined) return trimmed(await sources.prompt('Passphrase of the key folder: '));
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
          return finish(() => reject(new ImprintError('usage', 'Nothing was given.')));
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

/**
 * The secret in a file that only its owner may read, without one line break at its end.
 * @param what the secret is, for messages
 * @throws file_invalid, passphrase_wrong where it is empty or too long
 */
export async function readSecretFile(
  path: string,
  forbiddenMode = 0o077,
  what = 'passphrase',
): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY);
  } catch (cause) {
    throw new ImprintError('file_invalid', `The ${what} file ${path} cannot be read.`, {
      hint: 'Check the path and that the file belongs to the user who runs this.',
      cause,
    });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new ImprintError('file_invalid', `${path} is not a file.`);
    if ((stat.mode & forbiddenMode) !== 0) {
      throw new ImprintError('file_invalid', `Others may read the ${what} file ${path}.`, {
        hint: `\`chmod 600 ${path}\`, and change the ${what} if others had access.`,
      });
    }
    if (stat.size > maxPassphraseBytes + 2) throw tooLong(what);
    return trimmed(await handle.readFile(), what);
  } finally {
    await handle.close();
  }
}

function trimmed(bytes: Uint8Array, what = 'passphrase'): Uint8Array {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end--;
  if (bytes[end - 1] === 0x0d) end--;
  if (end === 0) {
    throw new ImprintError('passphrase_wrong', `The ${what} is empty.`, {
      hint: `Write the ${what} as the first line of the file.`,
    });
  }
  if (end > maxPassphraseBytes) throw tooLong(what);
  return bytes.subarray(0, end);
}

function tooLong(what: string): ImprintError {
  return new ImprintError('passphrase_wrong', `A ${what} has at most ${maxPassphraseBytes} bytes.`);
}

function takeBytes(typed: number[]): Uint8Array {
  const bytes = Uint8Array.from(typed);
  typed.fill(0);
  return bytes;
}

function eraseCharacter(typed: number[]): void {
  while (typed.length > 0 && (typed.pop()! & 0xc0) === 0x80);
}
