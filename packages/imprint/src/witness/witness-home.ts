/**
 * A witness's folder: its key, the last note of the log that it agreed to, and that note with its cosignature. What it wrote is on
 * the disk when it returns. One process has the folder at a time, and a folder that lost its memory is refused.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { NoteSigner, VerifierKey } from '@imprint/contract/audit/checkpoint';
import { formatWitnessKey, parseWitnessKey, witnessKey } from '@imprint/contract/audit/cosignature';
import { equalBytes, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import Database from 'better-sqlite3';
import { readBoundedFile } from '../read-bounded-file.ts';
import { makeFolder } from '../sync-to-disk.ts';
import { writeSecretFile } from '../write-secret-file.ts';

export interface WitnessHome {
  key: VerifierKey;
  sign: NoteSigner;
  /** Where its verifier key stands, for `imprint audit verify --witness-key`. */
  keyFile: string;
  /** Where the cosigned note stands, for `imprint audit verify --checkpoint`. */
  cosignedFile: string;
  /** The last note that it agreed to, without its cosignature; undefined before the first. */
  readAgreed(): string | undefined;
  /** Comes before any cosignature: whatever happens after this, nothing that contradicts the note is agreed to. */
  writeAgreed(note: string): void;
  writeCosigned(note: string): void;
  /** Keeps a note that was refused, or what it contradicts, once; gives the file. */
  keepEvidence(what: 'agreed' | 'refused', note: string): string;
  close(): void;
}

/**
 * The folder, made with a new key where there is none.
 * @param name of the witness, such as `witness.example/w1` (default: after the machine); it never changes once the key is made
 * @throws file_invalid for a folder that is damaged or open to others, storage_failed where another process has it, usage for another name
 */
export function openWitnessHome(folder: string, name: string | undefined): WitnessHome {
  makeFolder(folder);
  const at = (file: string) => join(folder, file);
  const lock = takeAlone(at('lock.sqlite'));
  try {
    const privateKey = createPrivateKey(readKey(at('witness.key')));
    const key = keyOf(createPublicKey(privateKey), at('witness.pub'), name);
    if (!existsSync(at('agreed')) && existsSync(at('checkpoint'))) {
      throw damaged(folder, 'it has a cosigned checkpoint, and what it agreed to is gone');
    }
    return {
      key,
      sign: (message) => new Uint8Array(sign(null, message, privateKey)),
      keyFile: at('witness.pub'),
      cosignedFile: at('checkpoint'),
      readAgreed: () =>
        existsSync(at('agreed')) ? readBoundedFile(at('agreed'), limits.noteBytes) : undefined,
      writeAgreed: (note) => writeSecretFile(at('agreed'), note),
      writeCosigned: (note) => writeSecretFile(at('checkpoint'), note),
      keepEvidence: (what, note) => keepNote(at('evidence'), what, note),
      close: () => lock.close(),
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** A database is used for its lock alone: it ends with the process, however that ends. */
function takeAlone(path: string): Database.Database {
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    throw new ImprintError('storage_failed', 'another process watches with this folder', {
      hint: 'Stop the other one first: two with one key could cosign what contradicts itself.',
      cause,
    });
  }
}

/** PKCS #8, PEM. */
function readKey(path: string): string {
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeSecretFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new ImprintError('file_invalid', `${path} can be read by others`, {
      hint: `Run chmod 600 ${path}. If others were at this machine, make a new witness in another folder.`,
    });
  }
  return readBoundedFile(path, 4_096);
}

function keyOf(
  publicKey: ReturnType<typeof createPublicKey>,
  path: string,
  name: string | undefined,
): VerifierKey {
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  if (!existsSync(path)) {
    writeSecretFile(path, `${formatWitnessKey(witnessKey(name ?? nameOfMachine(), raw))}\n`);
  }
  const key = parseWitnessKey(readBoundedFile(path, limits.noteBytes).trim());
  if (!equalBytes(key.publicKey, raw)) throw damaged(path, 'it is not the key of witness.key');
  if (name !== undefined && name !== key.name) {
    throw new ImprintError('usage', `this witness is called ${key.name}, not ${name}`, {
      hint: 'Leave --name out, or make a new witness in another folder.',
    });
  }
  return key;
}

/** A host's name may hold what a key's name may not. */
function nameOfMachine(): string {
  return `${hostname().replace(/[^A-Za-z0-9.-]/g, '-')}/witness`;
}

function keepNote(folder: string, what: string, note: string): string {
  makeFolder(folder);
  const path = join(folder, `${what}-${sha256Hex(toUtf8(note)).slice(0, 16)}.note`);
  if (!existsSync(path)) writeSecretFile(path, note);
  return path;
}

function damaged(path: string, why: string): ImprintError {
  return new ImprintError('file_invalid', `${path} is damaged: ${why}`, {
    hint: 'Look who changed the folder. Do not delete it: begin a new witness in another folder, under another name.',
  });
}
