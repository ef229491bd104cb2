import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { newRequestId } from './request-id.ts';

test('IDs of requests stand in the order of their milliseconds, and two of one millisecond differ', () => {
  const at = (ms: number) => newRequestId(new Date(ms), randomBytes);
  const ids = [0, 1, 255, 256, 1_767_945_600_000, 1_767_945_600_001].map(at);
  assert.deepEqual([...ids].sort(), ids);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.notEqual(at(1), at(1));
  assert.equal(
    newRequestId(new Date(0x19b), (bytes) => new Uint8Array(bytes).fill(0xab)),
    `00000000019b${'ab'.repeat(10)}`,
  );
});
