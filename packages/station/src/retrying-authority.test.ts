import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, ImprintError, isImprintError } from '@imprint/contract/errors';
import { RetryingAuthority } from './retrying-authority.ts';
import { RushedTimers } from './rushed-timers.double.ts';

const request = { request_id: '0'.repeat(32) };

/** Fails with these codes in turn, then answers; keeps every request that it saw. */
function failing(...codes: ErrorCode[]) {
  const seen: unknown[] = [];
  const inner = {
    call: async (_route: unknown, _params: unknown, sent: unknown) => {
      seen.push(sent);
      const code = codes.shift();
      if (code) throw new ImprintError(code, 'not now');
      return {} as never;
    },
  };
  const timers = new RushedTimers();
  return { seen, timers, authority: new RetryingAuthority(inner, timers, { patienceMs: 10_000 }) };
}

describe('asking the authority again', () => {
  it('I-29: repeats the very same request where no answer came, with growing pauses', async () => {
    const { seen, timers, authority } = failing('unavailable', 'rate_limited', 'request_timeout');
    await authority.call('closeShift', { shift_id: 's-1' }, request);
    assert.deepEqual(seen, [request, request, request, request]);
    assert.equal(timers.nowMs(), 100 + 200 + 400);
  });

  it('never asks again after a refusal', async () => {
    for (const code of ['order_closed', 'internal', 'nonce_invalid', 'station_revoked'] as const) {
      const { seen, authority } = failing(code);
      await assert.rejects(authority.call('closeShift', { shift_id: 's-1' }, request), (error) =>
        isImprintError(error, code),
      );
      assert.equal(seen.length, 1);
    }
  });

  for (const code of ['storage_failed', 'clock_untrusted'] as const) {
    it(`asks others where one process says ${code}, three times at most`, async () => {
      const one = failing(code, code, code);
      await one.authority.call('closeShift', { shift_id: 's-1' }, request);
      assert.deepEqual(one.seen, [request, request, request, request]);
      const all = failing(...Array.from({ length: 9 }, () => code));
      await assert.rejects(all.authority.call('closeShift', { shift_id: 's-1' }, request), (error) =>
        isImprintError(error, code),
      );
      assert.equal(all.seen.length, 4);
    });
  }

  it('gives up when its patience is over', async () => {
    const { timers, authority } = failing(...Array.from({ length: 100 }, () => 'unavailable' as const));
    await assert.rejects(authority.call('closeShift', { shift_id: 's-1' }, request), (error) =>
      isImprintError(error, 'unavailable'),
    );
    assert.ok(timers.nowMs() <= 10_000);
  });
});
