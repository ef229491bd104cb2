import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shrink } from './shrink.ts';

const ids = Array.from({ length: 60 }, (_, id) => id);

describe('shrinking', () => {
  it('finds the two faults of sixty that a failure needs together', async () => {
    let runs = 0;
    const needed = await shrink(
      ids,
      async (only) => {
        runs++;
        return only.has(7) && only.has(41);
      },
      200,
    );
    assert.deepEqual(needed, [7, 41]);
    assert.ok(runs < 60, `${runs} runs`);
  });

  it('finds that a failure needs no fault at all', async () => {
    assert.deepEqual(await shrink(ids, async () => true, 10), []);
  });

  it('keeps to its runs, and what it gives then still fails', async () => {
    let runs = 0;
    const needed = await shrink(
      ids,
      async (only) => {
        runs++;
        return [3, 20, 33, 58].every((id) => only.has(id));
      },
      6,
    );
    assert.ok(runs <= 6);
    assert.ok([3, 20, 33, 58].every((id) => needed.includes(id)));
  });
});
