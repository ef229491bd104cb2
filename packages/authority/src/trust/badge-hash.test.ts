import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { shiftBodyOf } from '../jobs/shifts.ts';
import { makeKey } from '../signer/software.ts';
import { badgeHash } from './badge-hash.ts';

test('I-19: a badge is found by its hash under the key, and by no hash without it', () => {
  const key = makeKey('ed25519');
  const hash = badgeHash(key);
  assert.match(hash('4711'), /^[0-9a-f]{64}$/);
  assert.equal(hash('4711'), badgeHash(key)('4711'));
  assert.notEqual(hash('4711'), hash('4712'));
  assert.notEqual(hash('4711'), badgeHash(makeKey('ed25519'))('4711'));
  assert.notEqual(hash('4711'), createHash('sha256').update('4711').digest('hex'));
});

test('I-19: what is remembered of a request to open a shift is no hash over the badge itself', () => {
  const hash = badgeHash(makeKey('ed25519'));
  const body = shiftBodyOf({ request_id: '0'.repeat(32), badge: '4711' }, hash);
  assert.deepEqual(body, { request_id: '0'.repeat(32), badge: hash('4711') });
});
