import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LateTiming } from './late-timing.ts';

/** A clock whose timers fire as late as they are told. */
function clock() {
  const state = { nowMs: 0, lateMs: 0 };
  const timing = new LateTiming({
    nowMs: () => state.nowMs,
    delay: async (ms) => {
      state.nowMs += ms + state.lateMs;
    },
  });
  return { state, timing };
}

describe('late timers', () => {
  it('add up where each wait stands alone', async () => {
    const { state, timing } = clock();
    state.lateMs = 1;
    await timing.delay(10);
    state.nowMs += 5;
    await timing.delay(10);
    assert.equal(timing.lateMs, 2);
  });

  it('count once where the next wait made up for the last', async () => {
    const { state, timing } = clock();
    state.lateMs = 1;
    await timing.delay(10);
    await timing.delay(9);
    await timing.delay(9);
    assert.equal(timing.lateMs, 1);
  });

  it('count no further than the grain of a timer', async () => {
    const { state, timing } = clock();
    state.lateMs = 40;
    await timing.delay(10);
    assert.equal(timing.lateMs, 2);
  });
});
