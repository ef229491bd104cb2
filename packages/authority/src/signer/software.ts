/** Keys in this process's memory, signing on libuv's pool. It trusts the memory of this machine; an HSM would not. */
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
    keyType,
    spki,
    sign: (message) =>
      new Promise((resolve, reject) =>
        sign(digest, message, key, (error, signature) =>
          error === null
            ? resolve(signature)
            : reject(new ImprintError('unavailable', 'The signing key did not sign.', { cause: error })),
        ),
      ),
  };
}

/** A new key from the operating system's generator. */
export const makeKey: KeyMaker = (type) => {
  if (type === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: type === 'ec-p256' ? 'P-256' : 'P-384' }).privateKey;
};
