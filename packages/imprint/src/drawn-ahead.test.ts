import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawnAhead } from './drawn-ahead.ts';

test('bytes that were drawn ahead are given once, in order, and stay as they were given', () => {
  let calls = 0;
  let next = 0;
  const entropy = drawnAhead((length) => {
    calls++;
    return Buffer.from(Uint8Array.from({ length }, () => 1 + (next++ % 255)));
  });
  const given = [entropy(16), entropy(7), entropy(4_000), entropy(100)];
  assert.deepEqual(
    given.map((bytes) => bytes.length),
    [16, 7, 4_000, 100],
  );
  assert.deepEqual(
    [...given[0]!, ...given[1]!],
    Array.from({ length: 23 }, (_, at) => 1 + at),
  );
  assert.equal(calls, 2, 'what does not suffice is left, and new bytes are drawn');
  assert.ok(given.every((bytes) => !bytes.includes(0)));
});

test('more than is drawn ahead is drawn for itself', () => {
  const asked: number[] = [];
  const entropy = drawnAhead((length) => {
    asked.push(length);
    return new Uint8Array(length).fill(1);
  });
  assert.equal(entropy(10_000).length, 10_000);
  assert.deepEqual(asked, [10_000]);
});
