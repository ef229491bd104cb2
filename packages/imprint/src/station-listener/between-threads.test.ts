import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { callsBetweenThreads } from './between-threads.ts';

interface Functions {
  add(one: number, other: number): Promise<number>;
  refuse(): Promise<never>;
  fail(): Promise<never>;
}

describe('calls between threads', () => {
  let channel: MessageChannel;
  let posted: unknown[][];
  let far: Functions;
  beforeEach(() => {
    channel = new MessageChannel();
    posted = [];
    callsBetweenThreads<object, Functions>(channel.port2, {
      add: async (one, other) => one + other,
      refuse: async () => {
        throw new ImprintError('quota_exhausted', 'The order is used up.', {
          hint: 'Ask for another.',
          context: { order: 'o-1' },
        });
      },
      fail: async () => {
        throw new TypeError('a fault of ours');
      },
    });
    channel.port2.on('message', (message: unknown[]) => posted.push(message));
    far = callsBetweenThreads<Functions, object>(channel.port1, {});
  });
  afterEach(() => channel.port1.close());

  test('give what the function gives', async () => {
    assert.equal(await far.add(1, 2), 3);
  });

  test('of one turn go as one message, and each gets its own answer', async () => {
    const sums = Promise.all([1, 2, 3].map((one) => far.add(one, one)));
    assert.deepEqual(await sums, [2, 4, 6]);
    assert.deepEqual(
      posted.map(({ length }) => length),
      [3],
    );
  });

  test('reject with the refusal as it was, code, hint and context', async () => {
    await assert.rejects(far.refuse(), (error) => {
      assert.ok(isImprintError(error, 'quota_exhausted'));
      assert.deepEqual(
        [error.message, error.hint, error.context],
        ['The order is used up.', 'Ask for another.', { order: 'o-1' }],
      );
      return true;
    });
  });

  test('reject with a fault of ours that is no refusal, and tell where it happened', async () => {
    await assert.rejects(far.fail(), (error) => {
      assert.ok(error instanceof Error && !isImprintError(error));
      assert.equal(error.message, 'a fault of ours');
      assert.match(error.stack ?? '', /between-threads\.test/);
      return true;
    });
  });
});
