/** The three types of key that Imprint knows, as `node:crypto` speaks of them; every other key is refused. */
import type { KeyObject } from 'node:crypto';
import { ImprintError } from '@imprint/contract/errors';
import type { KeyType } from '@imprint/contract/provisioning-contract';

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
