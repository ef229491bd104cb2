import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ticksOf } from './processor-time.ts';

describe('processor time', () => {
  it('adds user and system time, whatever the program is called', () => {
    const rest = 'S 1 1 1 0 -1 4194560 10 20 30 40 700 55 9000 9000 20 0 11 0';
    assert.equal(ticksOf(`42 (node) ${rest}`), 755);
    assert.equal(ticksOf(`42 (a (b) c) ${rest}`), 755);
  });
});
