/** Keys in files of a folder that its owner alone may read: for gateways without a secure element, and for tests. */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ImprintError } from '@imprint/contract/errors';
import { type KeyType, parsePublicKey, publicKeySha256 } from '@imprint/contract/x509/public-key';
import type { DeviceKey, KeySlot } from './key-slot.ts';
import { writeWhole } from './write-whole.ts';

const suffix = '.key.pem';
const curves = { 'ec-p256': 'P-256', 'ec-p384': 'P-384' } as const;
const digests: Record<KeyType, string | null> = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null };

/** The folder is made where it is not there yet. */
export function softwareKeySlot(folder: string): KeySlot {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fileOf = (handle: string) => join(folder, `${handle}${suffix}`);
  return {
    makeKey: async (type) => {
      const key = await generate(type);
      const opened = opens(key);
      writeWhole(fileOf(opened.handle), key.export({ type: 'pkcs8', format: 'pem' }) as string);
      return opened;
    },
    open: async (handle) => {
      if (!/^[0-9a-f]{32}$/.test(handle)) throw missing(handle);
      let pem: string;
      try {
        pem = readFileSync(fileOf(handle), 'utf8');
      } catch (cause) {
        throw missing(handle, cause);
      }
      return opens(createPrivateKey(pem));
    },
    forget: async (handle) => rmSync(fileOf(handle), { force: true }),
    handles: async () =>
      readdirSync(folder)
        .filter((name) => name.endsWith(suffix))
        .map((name) => name.slice(0, -suffix.length)),
  };
}

async function generate(type: KeyType): Promise<KeyObject> {
  const pair =
    type === 'ed25519'
      ? await promisify(generateKeyPair)('ed25519')
      : await promisify(generateKeyPair)('ec', { namedCurve: curves[type] });
  return pair.privateKey;
}

function opens(key: KeyObject): DeviceKey {
  const spki = Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  const { type } = parsePublicKey(spki);
  return {
    handle: publicKeySha256(spki).slice(0, 32),
    type,
    spki,
    sign: async (message) => Uint8Array.from(sign(digests[type], message, key)),
    tls: { key: key.export({ type: 'pkcs8', format: 'pem' }) as string },
  };
}

function missing(handle: string, cause?: unknown): ImprintError {
  return new ImprintError('key_locked', `the slot has no key ${handle.slice(0, 40)}`, {
    hint: 'A device without its key is returned: only the line gives it another identity.',
    cause,
  });
}
