/** Keys in this process's memory, signing on libuv's pool. It trusts the memory of this machine; an HSM would not. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { ImprintError } from '@imprint/contract/errors';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import type { KeyMaker } from '../surroundings.ts';
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

/** What `crypto.sign` and `crypto.verify` take as digest for a key of this type. */
export function digestOf(type: KeyType): 'sha256' | 'sha384' | null {
  if (type === 'ed25519') return null;
  return type === 'ec-p256' ? 'sha256' : 'sha384';
}

/** The contract's name for a key's type; `key_unsupported` for anything but P-256, P-384 and Ed25519. */
export function keyTypeOf(key: KeyObject): KeyType {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec') {
    const curve = key.asymmetricKeyDetails?.namedCurve;
    if (curve === 'prime256v1') return 'ec-p256';
    if (curve === 'secp384r1') return 'ec-p384';
  }
  throw new ImprintError('key_unsupported', 'Keys are P-256, P-384 or Ed25519.', {
    hint: 'Make the key with one of these three types.',
    context: { type: key.asymmetricKeyType, curve: key.asymmetricKeyDetails?.namedCurve },
  });
}
