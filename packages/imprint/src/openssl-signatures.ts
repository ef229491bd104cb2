/**
 * The curve equations by OpenSSL, for programs on Node: some fifteen times as fast as plain code. It is asked only for what the
 * contract calls a strict signature, and adds what OpenSSL does not look at, so that one verdict comes out of both.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { encodePublicKey, isPrimeOrderPoint, type PublicKey } from '@imprint/contract/x509/public-key';
import type { SignatureEngine } from '@imprint/contract/x509/signature';

const digests = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null } as const;

/** Keys of units in work and of CAs; what is kept is the key's own bytes, so it never goes stale. */
const keptKeys = 1_024;
const imported = new Map<string, KeyObject | undefined>();

export const opensslSignatures: SignatureEngine = (key, message, signature) => {
  const own = importKey(key);
  return own !== undefined && verify(digests[key.type], message, own, signature);
};

/** Undefined for a key of Ed25519 that is not of prime order: under such a one verifiers disagree. */
function importKey({ type, raw }: Pick<PublicKey, 'type' | 'raw'>): KeyObject | undefined {
  const name = `${type} ${Buffer.from(raw).toString('base64')}`;
  if (!imported.has(name)) {
    if (imported.size >= keptKeys) imported.clear();
    imported.set(name, type === 'ed25519' && !isPrimeOrderPoint(raw) ? undefined : toKeyObject(type, raw));
  }
  return imported.get(name);
}

function toKeyObject(type: PublicKey['type'], raw: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({
      key: Buffer.from(encodePublicKey(type, raw).spki),
      format: 'der',
      type: 'spki',
    });
  } catch {
    return undefined;
  }
}
