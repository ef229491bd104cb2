/** Makes a signing key inside a token and says how to name it. The work is done in a process that ends with it. */
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Entropy } from '../../surroundings.ts';
import { SigningChild } from './child-process.ts';
import type { TokenKeyType } from './messages.ts';
import type { TokenPlace } from './token-place.ts';
import type { TokenReference } from './token-reference.ts';

export interface TokenKeyRequest {
  place: TokenPlace;
  keyType: TokenKeyType;
  /** CKA_LABEL of both halves; no key of the token may have it yet. */
  label: string;
  /** Gives the key's ID; the key itself comes from the token's own generator. */
  entropy: Entropy;
  /** The PIN, UTF-8; overwritten after use. */
  readPin(): Promise<Uint8Array>;
}

const keyIdBytes = 8;

/**
 * A new key, not extractable, and the reference by which it is opened.
 * @throws tool_missing, hsm_token_missing, hsm_ambiguous (two tokens of that name, or a key of that label), hsm_token_full,
 * hsm_key_exposed (the token made another kind of key than it was asked for), key_locked, key_unsupported, unavailable
 */
export async function generateTokenKey(request: TokenKeyRequest): Promise<{ reference: TokenReference }> {
  const { place, keyType, label, entropy } = request;
  const keyId = entropy(keyIdBytes);
  const pin = await request.readPin();
  const child = new SigningChild();
  try {
    const key = { place, keyType, label, keyId };
    const reply = await child.ask({ kind: 'make-key', key, pin }, limits.tokenOpenTimeoutMs);
    if (reply.kind !== 'key-made') {
      throw new ImprintError('unavailable', 'The process that makes the key answered what it was not asked.');
    }
    const { module, token, serial } = place;
    return {
      reference: { module, token, ...(serial === undefined ? {} : { serial }), key_id: toHex(keyId) },
    };
  } finally {
    pin.fill(0);
    await child.close();
  }
}
