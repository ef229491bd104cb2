/**
 * Keys in this process's memory. They sign at once, on the thread that asks: handing a signature to another thread and back costs as
 * much as making it. It trusts
 * the memory of this machine; an HSM would not.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { ImprintError } from '@imprint/contract/errors';
import type { KeyMaker } from '../surroundings.ts';
import { digestOf, keyTypeOf } from './key-type.ts';
import type { Signer } from './signer.ts';

/** A signer over a private key; the KeyObject is kept, since importing it costs more than a signature. `key_unsupported` for other curves. */
export function softwareSigner(key: KeyObject): Signer {
  const keyType = keyTypeOf(key);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const digest = digestOf(keyType);
  return {
    custody: 'process',
    keyType,
    spki,
    sign: async (message) => {
      try {
        return sign(digest, message, key);
      } catch (cause) {
        throw new ImprintError('unavailable', 'The signing key did not sign.', { cause });
      }
    },
  };
}

/** A new key from the operating system's generator. */
export const makeKey: KeyMaker = (type) => {
  if (type === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: type === 'ec-p256' ? 'P-256' : 'P-384' }).privateKey;
};
