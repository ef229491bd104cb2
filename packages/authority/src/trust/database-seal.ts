/** Seals what the database keeps secret, so that a copy of it opens nothing: AES-256-GCM under a key that is derived from a private key of the key folder. */
import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from 'node:crypto';
import { concatBytes, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Entropy } from '../surroundings.ts';

const nonceBytes = 12;
const tagBytes = 16;

export interface DatabaseSeal {
  /** `place` is what it belongs to: it opens for that alone. */
  seal(secret: Uint8Array, place: string): Uint8Array;
  /** @throws internal where it was changed, or belongs to another place */
  open(sealed: Uint8Array, place: string): Uint8Array;
}

/** 32 bytes for one purpose (HKDF, RFC 5869): what is derived for another tells nothing about them. */
export function derivedKey(key: KeyObject, purpose: string): Uint8Array {
  const source = key.export({ format: 'der', type: 'pkcs8' });
  const derived = new Uint8Array(hkdfSync('sha256', source, new Uint8Array(0), purpose, 32));
  source.fill(0);
  return derived;
}

/** @param what is sealed, as it stands in an error: `the second factor of` a place */
export function databaseSeal(key: KeyObject, purpose: string, what: string, entropy: Entropy): DatabaseSeal {
  const derived = derivedKey(key, purpose);
  return {
    seal: (secret, place) => {
      const nonce = entropy(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', derived, nonce).setAAD(toUtf8(place));
      return concatBytes(nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
    },
    open: (sealed, place) => {
      try {
        const decipher = createDecipheriv('aes-256-gcm', derived, sealed.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        });
        decipher.setAAD(toUtf8(place)).setAuthTag(sealed.subarray(sealed.length - tagBytes));
        const body = sealed.subarray(nonceBytes, sealed.length - tagBytes);
        return concatBytes(decipher.update(body), decipher.final());
      } catch (cause) {
        throw new ImprintError('internal', `${what} ${place} cannot be opened`, { cause });
      }
    },
  };
}
