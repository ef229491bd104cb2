import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { delaysMs, type OwnTime, overheadPercent, wireMs } from './own-time.ts';

const own: OwnTime = {
  commands: 30,
  commandDelayMs: 50,
  keyDelayMs: 500,
  boots: 2,
  bootDelayMs: 4,
  bytes: 11_520,
  baud: 115_200,
  lateMs: 0,
};

describe('own time of a unit', () => {
  it('counts ten bits a byte', () => {
    assert.equal(wireMs(11_520, 115_200), 1000);
    assert.equal(wireMs(1, 10), 1000);
  });

  it('counts the key once, and every command and boot', () => {
    assert.equal(delaysMs(own), 500 + 1500 + 8);
  });

  it('is no overhead where a visit takes exactly the delays and the bytes', () => {
    assert.equal(overheadPercent(3008, own), 0);
  });

  it('is measured against delays and bytes together', () => {
    assert.equal(overheadPercent(3008 * 1.1, own).toFixed(6), '10.000000');
    assert.equal(overheadPercent(3008 / 2, own), -50);
  });

  it('counts late timers as the unit’s', () => {
    assert.equal(overheadPercent(3010, { ...own, lateMs: 2 }), 0);
  });
});
