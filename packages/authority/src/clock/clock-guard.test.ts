import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClockGuard, type ClockSource } from './clock-guard.ts';

const start = Date.parse('2026-11-24T08:00:00.000Z');

function guarded(source: ClockSource | null = null) {
  let wallMs = start;
  let monotonicMs = 5_000;
  const guard = new ClockGuard({
    clock: () => new Date(wallMs),
    monotonicMs: () => monotonicMs,
    source,
    boundMs: 60_000,
  });
  return {
    guard,
    pass: (ms: number) => {
      wallMs += ms;
      monotonicMs += ms;
    },
    jump: (ms: number) => {
      wallMs += ms;
    },
    now: () => new Date(wallMs),
  };
}

describe('I-8: the clock guard', () => {
  it('lets a clock pass that goes as fast as time does, for years', () => {
    const { guard, pass, now } = guarded();
    pass(3 * 365 * 86_400_000);
    guard.requireSteady(now());
  });

  for (const [title, ms] of [
    ['an hour ahead', 3_600_000],
    ['an hour back', -3_600_000],
    ['a year ahead', 365 * 86_400_000],
    ['just past the bound', 60_001],
  ] as const) {
    it(`refuses to issue after a jump of ${title}`, async () => {
      const { guard, pass, jump, now } = guarded();
      pass(10_000);
      jump(ms);
      assert.throws(() => guard.requireSteady(now()), { code: 'clock_untrusted' });
      assert.equal((await guard.observe()).verdict, 'wrong');
    });
  }

  it('takes a drift within the bound', () => {
    const { guard, jump, now } = guarded();
    jump(60_000);
    guard.requireSteady(now());
  });

  it('finds a clock wrong that was wrong before the process began, by its named source', async () => {
    const { guard } = guarded({ name: 'time.example', now: async () => new Date(start + 3_600_000) });
    assert.deepEqual(await guard.observe(), {
      verdict: 'wrong',
      subject: 'source',
      detail: 'the clock is 3600 s behind time.example',
    });
  });

  it('says that its source is silent, and does not take silence for agreement', async () => {
    const { guard } = guarded({ name: 'time.example', now: () => Promise.reject(new Error('no route')) });
    assert.deepEqual(await guard.observe(), {
      verdict: 'source-silent',
      detail: 'time.example gives no time: no route',
    });
  });
});
