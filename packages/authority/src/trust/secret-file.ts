/** Reads a secret from a file that only its owner may read. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';

/** What is read: its name in sentences, and the code where it cannot be one. */
export interface SecretKind {
  name: string;
  wrong: ErrorCode;
  maxBytes: number;
}

/**
 * The file's content, less one line break at its end. The caller overwrites it after use.
 * @param forbiddenMode bits of which the file may have none
 * @throws file_invalid where the file cannot be read or others may read it; the kind's own code where it is empty or too long
 */
export async function readSecretFile(
  path: string,
  forbiddenMode: number,
  kind: SecretKind,
): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY);
  } catch (cause) {
    throw new ImprintError('file_invalid', `The ${kind.name} file ${path} cannot be read.`, {
      hint: 'Check the path and that the file belongs to the user who runs this.',
      cause,
    });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new ImprintError('file_invalid', `${path} is not a file.`);
    if ((stat.mode & forbiddenMode) !== 0) {
      throw new ImprintError('file_invalid', `Others may read the ${kind.name} file ${path}.`, {
        hint: `\`chmod 600 ${path}\`, and change the ${kind.name} if others had access.`,
      });
    }
    if (stat.size > kind.maxBytes + 2) throw tooLong(kind);
    return trimmedSecret(await handle.readFile(), kind);
  } finally {
    await handle.close();
  }
}

/** @throws the kind's own code where it is empty or too long */
export function trimmedSecret(bytes: Uint8Array, kind: SecretKind): Uint8Array {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end--;
  if (bytes[end - 1] === 0x0d) end--;
  if (end === 0) {
    throw new ImprintError(kind.wrong, `The ${kind.name} is empty.`, {
      hint: `Write the ${kind.name} as the first line of the file.`,
    });
  }
  if (end > kind.maxBytes) throw tooLong(kind);
  return bytes.subarray(0, end);
}

function tooLong({ name, wrong, maxBytes }: SecretKind): ImprintError {
  return new ImprintError(wrong, `A ${name} has at most ${maxBytes} bytes.`);
}
