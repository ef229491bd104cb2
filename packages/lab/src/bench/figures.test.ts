import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pairRatios, percentile, spreadOf } from './figures.ts';

describe('figures', () => {
  it('sorts by value, not by the text of the numbers', () => {
    assert.deepEqual(spreadOf([100, 9, 20]), { median: 20, min: 9, max: 100 });
  });

  it('takes the mean of the two in the middle where the number of values is even', () => {
    assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  });

  it('gives the nearest rank, never a value beyond the last', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
    assert.equal(percentile(hundred, 0.5), 50);
    assert.equal(percentile(hundred, 0.99), 99);
    assert.equal(percentile(hundred, 1), 100);
    assert.equal(percentile([7], 0.99), 7);
    assert.equal(percentile([1, 2, 3], 0.5), 2);
  });

  it('divides round by round, so that a slow round does not tilt the ratio', () => {
    assert.deepEqual(pairRatios([10, 1, 20], [5, 0.5, 10]), [2, 2, 2]);
  });

  it('refuses pairs that are none, and figures of nothing', () => {
    assert.throws(() => pairRatios([1, 2], [1]), RangeError);
    assert.throws(() => spreadOf([]), RangeError);
    assert.throws(() => percentile([], 0.5), RangeError);
  });

  it('leaves what it is given in its order', () => {
    const values = [3, 1, 2];
    spreadOf(values);
    percentile(values, 0.5);
    assert.deepEqual(values, [3, 1, 2]);
  });
});
