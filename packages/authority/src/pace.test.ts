import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { networkOf, Pace } from './pace.ts';

describe('a pace', () => {
  it('gives a burst, then so many a second, to each alone', () => {
    let nowMs = 0;
    const pace = new Pace({ burst: 2, perSecond: 1 }, () => nowMs);
    assert.deepEqual(
      [pace.take('a'), pace.take('a'), pace.take('a'), pace.take('b')],
      [true, true, false, true],
    );
    nowMs = 1_000;
    assert.deepEqual([pace.take('a'), pace.take('a')], [true, false]);
    nowMs = 1_000_000;
    assert.deepEqual([pace.take('a'), pace.take('a'), pace.take('a')], [true, true, false]);
  });

  it('takes less of who is entitled to more, and gains nothing from a clock that is set back', () => {
    let nowMs = 1_000_000;
    const pace = new Pace({ burst: 1, perSecond: 1 }, () => nowMs);
    assert.deepEqual([pace.take('a', 0.5), pace.take('a', 0.5), pace.take('a', 0.5)], [true, true, false]);
    nowMs = 0;
    assert.equal(pace.take('a', 0.5), false);
  });

  it('gives back what turned out not to count', () => {
    const pace = new Pace({ burst: 1, perSecond: 0 }, () => 0);
    assert.equal(pace.take('a'), true);
    pace.giveBack('a');
    pace.giveBack('a');
    assert.deepEqual([pace.take('a'), pace.take('a')], [true, false]);
  });
});

it('an IPv6 customer is one party, and an IPv4 address another, also where it is mapped', () => {
  const same = ['2001:db8:0:7::1', '2001:db8:0:7:ffff::2', '2001:db8:0:7:1:2:3:4'].map(networkOf);
  assert.deepEqual(new Set(same).size, 1);
  const others = ['2001:db8:0:8::1', '2001:db8::1', '::1', '192.0.2.1', '192.0.2.2', '::ffff:192.0.2.3'];
  assert.equal(new Set(others.map(networkOf)).size, others.length);
});
