import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { toUtf8 } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { makeKey } from '../signer/software.ts';
import { acceptedStep, codeOf, newTotpSecret, secretSeal, stepAt, totpUri } from './one-time-code.ts';

test('codes are those of RFC 6238, appendix B, SHA-1', () => {
  const secret = toUtf8('12345678901234567890');
  const vectors: [seconds: number, code: string][] = [
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ];
  for (const [seconds, code] of vectors) {
    const step = stepAt(new Date(seconds * 1000));
    assert.equal(codeOf(secret, step, 8), code);
    assert.equal(codeOf(secret, step), code.slice(2));
  }
});

test('a code is taken in its step and the one beside it, later than any used, and in no other form', () => {
  const secret = newTotpSecret(randomBytes);
  const now = new Date('2026-01-09T08:00:10.000Z');
  const step = stepAt(now);
  assert.equal(acceptedStep(secret, codeOf(secret, step), now, null), step);
  assert.equal(acceptedStep(secret, codeOf(secret, step - 1), now, null), step - 1);
  assert.equal(acceptedStep(secret, codeOf(secret, step), now, step), undefined);
  assert.equal(acceptedStep(secret, codeOf(secret, step - 1), now, step - 1), undefined);
  assert.equal(acceptedStep(secret, ` ${codeOf(secret, step)}`, now, null), undefined);
  assert.equal(acceptedStep(secret, codeOf(secret, step, 8), now, null), undefined);
});

test('an authenticator gets the secret in base 32 (RFC 4648)', () => {
  const uri = totpUri(toUtf8('12345678901234567890'), 'ada', 'Imprint dev: Example & Sons');
  assert.equal(
    uri,
    'otpauth://totp/Imprint%20dev%3A%20Example%20%26%20Sons:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Imprint%20dev%3A%20Example%20%26%20Sons',
  );
});

test('a sealed secret opens under its key and for its account alone', () => {
  const { seal, open } = secretSeal(makeKey('ed25519'), randomBytes);
  const secret = newTotpSecret(randomBytes);
  const sealed = seal(secret, 'ada');
  assert.ok(!Buffer.from(sealed).includes(Buffer.from(secret)));
  assert.deepEqual(new Uint8Array(open(sealed, 'ada')), new Uint8Array(secret));
  const other = secretSeal(makeKey('ed25519'), randomBytes);
  const changed = Uint8Array.from(sealed, (byte, at) => (at === 15 ? byte ^ 1 : byte));
  for (const attempt of [
    () => open(sealed, 'ben'),
    () => open(changed, 'ada'),
    () => open(sealed.subarray(0, 20), 'ada'),
    () => other.open(sealed, 'ada'),
  ])
    assert.throws(attempt, (error) => isImprintError(error, 'internal'));
});
