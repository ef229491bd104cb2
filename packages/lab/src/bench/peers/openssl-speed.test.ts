import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pairsASecond } from './openssl-speed.ts';

it('a pair takes as long as one verification and one signature', () => {
  assert.equal(pairsASecond({ signs: 30_000, verifies: 15_000 }), 10_000);
});
