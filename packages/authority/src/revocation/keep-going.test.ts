import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { keepGoing } from './keep-going.ts';

/** Rounds that end when the test says so, and a timer that it turns. */
function begin() {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const reported: unknown[] = [];
  let tick: () => void = () => undefined;
  let isStopped = false;
  const rounds = keepGoing(
    () => new Promise<void>((resolve, reject) => void ends.push({ resolve, reject })),
    (_, act) => {
      tick = act;
      return {
        stop: () => {
          isStopped = true;
        },
      };
    },
    (error) => reported.push(error),
  );
  return { rounds, ends, reported, tick: () => tick(), isStopped: () => isStopped };
}

test('a round begins at once, and the next one with a poll after it has ended', async () => {
  const { ends, tick } = begin();
  assert.equal(ends.length, 1);
  tick();
  assert.equal(ends.length, 1);
  ends[0]!.resolve();
  await nextTurn();
  assert.equal(ends.length, 1);
  tick();
  assert.equal(ends.length, 2);
});

test('what stands in the way is reported when it begins, and again after it was gone', async () => {
  const { ends, tick, reported } = begin();
  const fail = async (message: string) => {
    ends.at(-1)!.reject(new Error(message));
    await nextTurn();
    tick();
  };
  await fail('the disk is full');
  await fail('the disk is full');
  assert.equal(reported.length, 1);
  await fail('the clock jumped');
  assert.equal(reported.length, 2);
  ends.at(-1)!.resolve();
  await nextTurn();
  tick();
  await fail('the clock jumped');
  assert.equal(reported.length, 3);
});

test('stopping waits for the round that is under way, and lets none begin', async () => {
  const { rounds, ends, tick, isStopped } = begin();
  let hasStopped = false;
  const stopping = rounds.stop().then(() => {
    hasStopped = true;
  });
  await nextTurn();
  assert.deepEqual([isStopped(), hasStopped], [true, false]);
  ends[0]!.resolve();
  await stopping;
  tick();
  assert.equal(ends.length, 1);
});
