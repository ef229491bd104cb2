import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { isPassword } from './password.ts';

const salt = Buffer.alloc(16, 7);
/** At a small cost, as another setting may have stored it. */
const cheap = (password: Uint8Array) =>
  `scrypt$4$1$1$${salt.toString('hex')}$${scryptSync(password, salt, 32, { N: 16, r: 1, p: 1 }).toString('hex')}`;

test('a password is all of its bytes: a longer one that begins as it does is another', async () => {
  const longest = new Uint8Array(limits.passwordBytes).fill(65);
  const hashed = cheap(longest);
  assert.equal(await isPassword(longest, hashed), true);
  assert.equal(await isPassword(Uint8Array.of(...longest, 65), hashed), false);
  assert.equal(await isPassword(longest.subarray(1), hashed), false);
  assert.equal(await isPassword(longest, cheap(longest.subarray(1))), false);
});

test('what was stored with another cost is checked at that one; what is no hash is a fault, and no password', async () => {
  const password = Buffer.from('correct horse battery staple');
  assert.equal(await isPassword(password, cheap(password)), true);
  for (const hashed of ['', 'scrypt$1$1$1$00$00', cheap(password).toUpperCase(), `${cheap(password)} `]) {
    await assert.rejects(isPassword(password, hashed), (error) => isImprintError(error, 'internal'));
  }
});

test('only so many are checked at once, and only so many wait: each takes memory that a stranger could use up', async () => {
  const password = Buffer.from('correct horse battery staple');
  const hashed = cheap(password);
  const most = limits.passwordChecksAtOnce + limits.passwordChecksWaiting;
  const asked = await Promise.allSettled(
    Array.from({ length: most + 3 }, () => isPassword(password, hashed)),
  );
  const refused = asked.filter((one) => one.status === 'rejected').map(({ reason }) => reason);
  assert.equal(refused.length, 3);
  for (const reason of refused) assert.ok(isImprintError(reason, 'rate_limited'));
  // and all turns came back
  assert.equal(await isPassword(password, hashed), true);
  const again = await Promise.allSettled(Array.from({ length: most }, () => isPassword(password, hashed)));
  assert.ok(again.every((one) => one.status === 'fulfilled' && one.value));
});
