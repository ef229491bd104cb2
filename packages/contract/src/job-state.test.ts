/** The job table over all pairs of states, against a picture drawn by hand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpenJob, type JobState, jobState, mayBecome } from './job-state.ts';

const picture = `
            opened keyed issued written proven sealed done quarantined abandoned
opened      .      x     .      .       .      .      .    x           x
keyed       .      x     x      .       .      .      .    x           x
issued      .      x     .      x       .      .      .    x           x
written     .      x     .      x       x      .      .    x           x
proven      .      .     .      .       x      x      .    x           x
sealed      .      .     .      .       .      .      x    x           x
done        .      .     .      .       .      .      .    .           .
quarantined .      .     .      .       .      .      .    .           x
abandoned   .      .     .      .       .      .      .    .           .
`;
const lines = picture
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const columns = lines[0] as JobState[];

test('every pair of states is as the picture has it', () => {
  assert.deepEqual(columns, jobState.options);
  for (const [from, ...cells] of lines.slice(1) as [JobState, ...string[]][]) {
    for (const [index, cell] of cells.entries()) {
      const to = columns[index]!;
      assert.equal(mayBecome(from, to), cell === 'x', `${from} ${to}`);
    }
  }
});

test('I-25, I-27: done is reached through written, proven and sealed alone', () => {
  for (const skipped of ['keyed', 'issued', 'written', 'proven', 'sealed'] as const) {
    const reached = new Set<JobState>(['opened']);
    for (const from of reached) {
      for (const to of jobState.options) if (to !== skipped && mayBecome(from, to)) reached.add(to);
    }
    assert.ok(!reached.has('done'), `done without ${skipped}`);
  }
});

test('no job is keyed or written again once it was proven', () => {
  const reached = new Set<JobState>(['proven']);
  for (const from of reached) for (const to of jobState.options) if (mayBecome(from, to)) reached.add(to);
  assert.ok(!reached.has('keyed') && !reached.has('issued') && !reached.has('written'));
});

test('I-24: every open state leads to done, quarantined or abandoned, and nothing leads out of done', () => {
  for (const state of jobState.options) {
    assert.equal(isOpenJob(state), mayBecome(state, 'quarantined'));
    if (isOpenJob(state)) assert.ok(mayBecome(state, 'abandoned'));
  }
});
