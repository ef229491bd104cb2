import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { requireServerAgrees } from './tick-time.ts';

const at = (ms: number) => new Date(Date.parse('2026-11-24T08:00:00.000Z') + ms);
const bound = limits.clockOffServerMs;

test('I-8: a clock agrees with the server’s up to the bound, ahead and behind', () => {
  for (const offMs of [0, bound, -bound]) requireServerAgrees(at(offMs), at(0), at(offMs));
  for (const offMs of [bound + 1, -bound - 1]) {
    assert.throws(() => requireServerAgrees(at(offMs), at(0), at(offMs)), { code: 'clock_untrusted' });
  }
});

test('I-8: an answer that takes long makes no clock wrong, and hides none that is ahead', () => {
  requireServerAgrees(at(0), at(0), at(60_000));
  requireServerAgrees(at(0), at(60_000), at(60_000));
  assert.throws(() => requireServerAgrees(at(bound + 1), at(0), at(60_000)), { code: 'clock_untrusted' });
  assert.throws(() => requireServerAgrees(at(0), at(60_000 + bound + 1), at(60_000)), {
    code: 'clock_untrusted',
  });
});

test('the two limits fit: no process that may write is behind what another one may write', () => {
  assert.ok(2 * bound <= limits.clockBehindMs);
});
