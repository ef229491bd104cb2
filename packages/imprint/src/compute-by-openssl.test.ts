import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256, sha384 } from '@imprint/contract/hash';
import fc from 'fast-check';
import { opensslHashes } from './compute-by-openssl.ts';

test('OpenSSL and plain code hash alike, around every length of a block', () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(bytes, (message) => {
      assert.deepEqual(opensslHashes.sha256(message), sha256(message));
      assert.deepEqual(opensslHashes.sha384(message), sha384(message));
    }),
  );
});

test('a part of a hash is a copy', () => {
  const whole = opensslHashes.sha256(new Uint8Array(1));
  const before = whole[0];
  whole.slice(0, 20).fill(before! ^ 1);
  assert.equal(whole[0], before);
});
