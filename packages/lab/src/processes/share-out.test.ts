import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Point, pointName } from './points.ts';
import { shareOut } from './share-out.ts';
import { Tally } from './tally.ts';

const plan: Point[] = Array.from({ length: 50 }, (_, at) => ({
  ...{
    part: at < 25 ? 'serve/work' : 'station/work',
    class: 'write',
    fault: at % 2 === 0 ? 'eio' : 'enospc',
  },
  number: at + 1,
}));

test('each item is given out once, whatever the number of jobs, and to all jobs', async () => {
  for (const jobs of [1, 3, 80]) {
    const taken: Point[] = [];
    const busy = new Set<number>();
    await shareOut(plan, jobs, async (share, job) => {
      for (const point of share) {
        busy.add(job);
        taken.push(point);
        await setImmediate();
      }
    });
    assert.deepEqual(taken, plan);
    assert.equal(busy.size, Math.min(jobs, plan.length));
  }
});

test('where a job fails, the others finish what they hold, nothing more is given out, and the error is thrown', async () => {
  const begun: number[] = [];
  const finished: number[] = [];
  const sharing = shareOut([1, 2, 3, 4, 5], 2, async (share) => {
    for (const item of share) {
      begun.push(item);
      if (item === 1) throw new Error('no line');
      await setImmediate();
      finished.push(item);
    }
  });
  await assert.rejects(sharing, /no line/);
  assert.deepEqual([begun, finished], [[1, 2], [2]]);
});

test('what a second job found broken stands in the report, in the same order as of one job', async () => {
  const broken = [3, 7, 41].map((number) => plan[number]!);
  const reported = async (jobs: number) => {
    const tally = new Tally(plan);
    const finders = new Set<number>();
    await shareOut(plan, jobs, async (share, job) => {
      for (const point of share) {
        // the later a job, the sooner it is done: they overtake each other
        for (let turn = job; turn < jobs; turn++) await setImmediate();
        const isBroken = broken.includes(point);
        tally.add(point, isBroken ? 'broken' : 'unnoticed');
        if (!isBroken) continue;
        finders.add(job);
        tally.violated([point], new Error(`at ${point.number}`));
      }
    });
    return { finders: finders.size, tried: tally.tried, rows: tally.rows(), violations: tally.violations };
  };
  const [one, three] = [await reported(1), await reported(3)];
  assert.ok(three.finders > 1, 'more than one job found something');
  assert.deepEqual({ ...three, finders: 1 }, one);
  assert.deepEqual(
    three.violations.map(({ points }) => points),
    broken.map((point) => [pointName(point)]),
  );
});
