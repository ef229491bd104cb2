/** What the tests of token signers share: keys in real tokens, and signers over them that are closed with the tests. */
import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { after } from 'node:test';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { isStrictSignature } from '@imprint/contract/x509/signature';
import { digestOf } from '../key-type.ts';
import type { Signer } from '../signer.ts';
import { generateTokenKey } from './generate-token-key.ts';
import type { TokenKeyType } from './messages.ts';
import { readTestPin } from './softhsm.test-kit.ts';
import type { TokenPlace } from './token-place.ts';
import type { TokenReference } from './token-reference.ts';
import { openTokenSigner, type TokenSigner, type TokenSignerOptions } from './token-signer.ts';

export async function makeKey(
  place: TokenPlace,
  label = 'issuing',
  keyType: TokenKeyType = 'ec-p256',
): Promise<TokenReference> {
  const { module, token, serial } = place;
  const request = {
    place: { module, token, serial },
    keyType,
    label,
    entropy: randomBytes,
    readPin: readTestPin,
  };
  return (await generateTokenKey(request)).reference;
}

export async function openToken(
  reference: TokenReference,
  options: Partial<TokenSignerOptions> = {},
): Promise<TokenSigner> {
  const defaults = { readPin: readTestPin, monotonicMs: () => performance.now() };
  const signer = await openTokenSigner(reference, { ...defaults, ...options });
  after(() => signer.close());
  return signer;
}

export const message = (index: number) => Buffer.from(`certificate ${index}`);

/** OpenSSL judges. */
export function assertSigned(signer: Signer, index: number, signature: Uint8Array): void {
  const key = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' });
  assert.ok(isStrictSignature(signer.keyType, signature));
  assert.ok(verify(digestOf(signer.keyType), message(index), key, signature), `signature ${index}`);
}

/** For `assert.rejects`: the code, and what message or hint say. */
export const refusal = (code: ErrorCode, says?: RegExp) => (error: unknown) =>
  isImprintError(error, code) && (says?.test(`${error.message} ${error.hint}`) ?? true);
