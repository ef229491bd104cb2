/**
 * A folder of private keys, apart from the data: each is sealed under a passphrase and readable by its owner alone.
 * It trusts neither the file system (a wide mode or a changed byte is refused) nor a backup that holds the folder.
 */
import { createCipheriv, createDecipheriv, createPrivateKey, type KeyObject, scrypt } from 'node:crypto';
import { constants, type FileHandle, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromBase64, toBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { z } from 'zod';
import type { Entropy } from '../surroundings.ts';

/** Private keys by name. `write` is durable when it resolves, and never replaces a key. */
export interface SealedKeyFolder {
  readonly path: string;
  /** Names of the keys, sorted. */
  names(): Promise<string[]>;
  /** @throws file_invalid where the file is missing, readable by others, or was changed or renamed */
  read(name: string): Promise<KeyObject>;
  /** @throws home_exists where a key of that name stands already */
  write(name: string, key: KeyObject): Promise<void>;
  /**
   * The text that stands where the key itself would, and says where else it is; undefined where none does. It is no secret and not
   * sealed, so that people can correct it.
   * @throws file_invalid where others may read or write it, or a sealed key of that name stands beside it
   */
  readReference(name: string): Promise<string | undefined>;
  /** @throws home_exists where a key of that name, or a reference to one, stands already */
  writeReference(name: string, text: string): Promise<void>;
}

/** scrypt's cost exponent: 2^17 takes 128 MiB and about half a second. A folder that names less than the minimum is refused. */
export const scryptLogN = { default: 17, least: 14, most: 20 } as const;
const parametersFile = 'folder.json';
const keySuffix = '.key';
/** The key is in a PKCS#11 token. */
const referenceSuffix = '.token.json';
const magic = Buffer.from('imprint-sealed-key-1\n');
const nonceBytes = 12;
const tagBytes = 16;
const maxFileBytes = 8 * 1024;
const keyName = /^[a-z][a-z0-9-]{0,47}$/;

const parameters = z.strictObject({
  v: z.literal(1),
  kdf: z.literal('scrypt'),
  log_n: z.int().min(scryptLogN.least).max(scryptLogN.most),
  salt_b64: z.base64().length(44),
  /** Nothing, sealed: tells a wrong passphrase from a damaged key. */
  check_b64: z.base64().max(200),
});

/**
 * Makes an empty folder (0700) at `path`, whose parent must exist.
 * @throws home_exists where something stands at `path`
 */
export async function createKeyFolder(
  path: string,
  passphrase: Uint8Array,
  entropy: Entropy,
  logN: number = scryptLogN.default,
): Promise<SealedKeyFolder> {
  if (passphrase.length === 0) throw new ImprintError('passphrase_wrong', 'A passphrase is not empty.');
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    await checkFolder(path);
  }
  // a folder that a stop left behind before its first file was whole holds nothing
  if (await isKeyFolder(path)) {
    throw new ImprintError('home_exists', `There is a folder at ${path} already.`, {
      hint: 'Name another folder, or open this one with its passphrase.',
    });
  }
  const salt = entropy(32);
  const key = await deriveKey(passphrase, salt, logN);
  const check = seal(key, parametersFile, new Uint8Array(0), entropy);
  const text = { v: 1, kdf: 'scrypt', log_n: logN, salt_b64: toBase64(salt), check_b64: toBase64(check) };
  await writeDurably(path, parametersFile, Buffer.from(`${JSON.stringify(text)}\n`));
  await syncFolder(dirname(path));
  return new Folder(path, key, entropy);
}

/**
 * Opens a folder that {@link createKeyFolder} made.
 * @throws passphrase_wrong, or file_invalid where the folder is missing, readable by others or damaged
 */
export async function openKeyFolder(
  path: string,
  passphrase: Uint8Array,
  entropy: Entropy,
): Promise<SealedKeyFolder> {
  await checkFolder(path);
  const text = await readPrivately(path, parametersFile);
  let stored: z.infer<typeof parameters>;
  try {
    stored = parameters.parse(JSON.parse(text.toString('utf8')));
  } catch (cause) {
    throw damaged(path, parametersFile, cause);
  }
  const key = await deriveKey(passphrase, fromBase64(stored.salt_b64, 'file_invalid'), stored.log_n);
  if (unseal(key, parametersFile, fromBase64(stored.check_b64, 'file_invalid')) === undefined) {
    throw new ImprintError('passphrase_wrong', `The passphrase does not open the keys in ${path}.`, {
      hint: 'Give the passphrase that this folder was made with. It cannot be recovered.',
    });
  }
  return new Folder(path, key, entropy);
}

class Folder implements SealedKeyFolder {
  readonly path: string;
  readonly #key: Uint8Array;
  readonly #entropy: Entropy;

  constructor(path: string, key: Uint8Array, entropy: Entropy) {
    this.path = path;
    this.#key = key;
    this.#entropy = entropy;
  }

  async names(): Promise<string[]> {
    const files = await readdir(this.path);
    return files
      .filter((file) => file.endsWith(keySuffix))
      .map((file) => file.slice(0, -keySuffix.length))
      .filter((name) => keyName.test(name))
      .sort();
  }

  async read(name: string): Promise<KeyObject> {
    const file = keyFile(name);
    await checkFolder(this.path);
    const pkcs8 = unseal(this.#key, file, await readPrivately(this.path, file));
    if (pkcs8 === undefined) throw damaged(this.path, file, undefined);
    try {
      return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    } catch {
      // the cause could quote key material
      throw damaged(this.path, file, undefined);
    } finally {
      pkcs8.fill(0);
    }
  }

  async write(name: string, key: KeyObject): Promise<void> {
    const file = keyFile(name);
    await this.#refuseTaken(name);
    const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
    try {
      await writeDurably(this.path, file, seal(this.#key, file, pkcs8, this.#entropy));
    } finally {
      pkcs8.fill(0);
    }
  }

  async readReference(name: string): Promise<string | undefined> {
    const key = keyFile(name);
    const reference = `${name}${referenceSuffix}`;
    await checkFolder(this.path);
    const files = await readdir(this.path);
    if (!files.includes(reference)) return undefined;
    if (files.includes(key)) {
      throw new ImprintError('file_invalid', `In ${this.path} stand both ${key} and ${reference}.`, {
        hint: 'Find out which of them is the key of the certificate, and put the other one elsewhere.',
      });
    }
    return (await readPrivately(this.path, reference)).toString('utf8');
  }

  async writeReference(name: string, text: string): Promise<void> {
    await this.#refuseTaken(name);
    await writeDurably(this.path, `${name}${referenceSuffix}`, Buffer.from(text));
  }

  async #refuseTaken(name: string): Promise<void> {
    const taken = [keyFile(name), `${name}${referenceSuffix}`];
    await checkFolder(this.path);
    if (!(await readdir(this.path)).some((file) => taken.includes(file))) return;
    throw new ImprintError('home_exists', `There is a key ${name} in ${this.path} already.`, {
      hint: 'A key is never replaced in place: make the new one under another name.',
    });
  }
}

/** Magic, nonce, AES-256-GCM ciphertext and tag; the file's name is authenticated, so that files cannot be swapped. */
function seal(key: Uint8Array, file: string, plain: Uint8Array, entropy: Entropy): Buffer {
  const nonce = entropy(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(file));
  return Buffer.concat([magic, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Uint8Array, file: string, sealed: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
  const start = magic.length + nonceBytes;
  if (bytes.length < start + tagBytes || !bytes.subarray(0, magic.length).equals(magic)) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(magic.length, start), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(file));
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  const plain = decipher.update(bytes.subarray(start, bytes.length - tagBytes));
  try {
    decipher.final();
    return plain;
  } catch {
    plain.fill(0);
    return undefined;
  }
}

function deriveKey(passphrase: Uint8Array, salt: Uint8Array, logN: number): Promise<Uint8Array> {
  const cost = { N: 2 ** logN, r: 8, p: 1, maxmem: 2 ** logN * 8 * 128 + 2 ** 20 };
  return new Promise((resolve, reject) =>
    scrypt(passphrase, salt, 32, cost, (error, key) => (error === null ? resolve(key) : reject(error))),
  );
}

/** Old or new, never half: a temporary file is synced before it takes the name, and the folder after. */
async function writeDurably(folder: string, file: string, content: Uint8Array): Promise<void> {
  const temporary = join(folder, `.${file}.new`);
  await unlink(temporary).catch(() => undefined);
  const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(folder, file));
  await syncFolder(folder);
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether there is a key folder at this path: false for one that was broken off before it held anything. */
export async function isKeyFolder(path: string): Promise<boolean> {
  const names = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
  return names.some((name) => name !== `.${parametersFile}.new`);
}

async function checkFolder(path: string): Promise<void> {
  const stat = await lstat(path).catch((cause) => {
    throw new ImprintError('file_invalid', `There is no key folder at ${path}.`, {
      hint: 'Check the path; `imprint init` makes the folder.',
      cause,
    });
  });
  if (!stat.isDirectory()) throw new ImprintError('file_invalid', `${path} is not a folder.`);
  if ((stat.mode & 0o077) !== 0) throw tooWide(path, stat.mode, '700');
}

/** Checks and reads through one handle, so that the file cannot change in between. */
async function readPrivately(folder: string, file: string): Promise<Buffer> {
  const path = join(folder, file);
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new ImprintError('file_invalid', `${path} cannot be read.`, {
      hint: 'Check that the file is there, is no link and belongs to the user who runs this.',
      cause,
    });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > maxFileBytes) throw damaged(folder, file, undefined);
    if ((stat.mode & 0o077) !== 0) throw tooWide(path, stat.mode, '600');
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function keyFile(name: string): string {
  if (keyName.test(name)) return `${name}${keySuffix}`;
  throw new ImprintError('path_refused', 'A key is named with lower-case letters, digits and hyphens.', {
    context: { name },
  });
}

function tooWide(path: string, mode: number, wanted: string): ImprintError {
  return new ImprintError(
    'file_invalid',
    `${path} can be read by others (mode ${(mode & 0o777).toString(8)}).`,
    {
      hint: `Find out who read it; then \`chmod ${wanted} ${path}\`, or make new keys.`,
    },
  );
}

function damaged(folder: string, file: string, cause: unknown): ImprintError {
  return new ImprintError(
    'file_invalid',
    `${join(folder, file)} is damaged, or is not the file of that name.`,
    {
      hint: 'Restore the file from the backup of the key folder.',
      cause,
    },
  );
}
