import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawBelow, drawFraction, seededEntropy } from './entropy.ts';

test('the bytes do not depend on the sizes in which they are drawn', () => {
  const whole = seededEntropy('s')(100);
  const entropy = seededEntropy('s');
  const pieces = [1, 31, 32, 33, 3].map((size) => entropy(size));
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(whole));
});

test('seed and name cannot be shifted into one another', () => {
  assert.notDeepEqual(seededEntropy('ab', 'c')(16), seededEntropy('a', 'bc')(16));
});

test('draws stay within their bounds', () => {
  const entropy = seededEntropy('s');
  for (let count = 0; count < 1000; count++) {
    const fraction = drawFraction(entropy);
    assert.ok(fraction >= 0 && fraction < 1);
    assert.ok(drawBelow(entropy, 3) < 3);
  }
});
