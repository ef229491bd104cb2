import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StationResponse, StationRouteName } from '@imprint/contract/api/station';
import { isImprintError } from '@imprint/contract/errors';
import type { AuthorityClient } from './authority-client.ts';
import { Bench } from './bench.double.ts';
import { rememberedLog, rememberLogSize } from './station-session.ts';

type View = StationResponse<'openSession'>;

/** A bench whose session answers can be changed on their way. */
function tampered(): { bench: Bench; set(change: (view: View) => View): void } {
  let change = (view: View) => view;
  const wrap = (inner: AuthorityClient): AuthorityClient => ({
    call: async (route: StationRouteName, params, request) => {
      const answer = await inner.call(route, params, request as never);
      return (route === 'openSession' ? change(answer as View) : answer) as never;
    },
  });
  return { bench: new Bench({ wrap }), set: (next) => (change = next) };
}

const inconsistent = (error: unknown) => isImprintError(error, 'log_inconsistent');

describe('the session with the authority', () => {
  it('I-16: takes a log that grew, with a proof that it grew from what was seen', async () => {
    using bench = new Bench();
    for (const count of [1, 3, 8]) {
      for (let entry = 0; entry < count; entry++) bench.authority.append(`entry ${entry}`);
      await bench.session();
      await bench.restart();
    }
    assert.equal(bench.journal.fact('checkpoint')?.split('\n')[1], '13');
  });

  it('I-16: refuses a log that is shorter than one it has seen, as an old backup is', async () => {
    using bench = new Bench();
    bench.authority.append('a');
    await bench.session();
    const seen = bench.journal.fact('checkpoint');
    await bench.restart();
    bench.authority.rewindLog(['realm']);
    await assert.rejects(bench.session(), inconsistent);
    assert.equal(bench.journal.fact('checkpoint'), seen, 'what was seen stays');
  });

  it('I-16: refuses a log that is shorter than its receipts say, although it continues the last session’s', async () => {
    using bench = new Bench();
    bench.authority.append('a');
    await bench.session();
    rememberLogSize(bench.journal, 9);
    rememberLogSize(bench.journal, 7);
    await bench.restart();
    await assert.rejects(bench.session(), inconsistent);
    for (let entry = 0; entry < 7; entry++) bench.authority.append(`entry ${entry}`);
    await bench.session();
  });

  it('I-16: tells what it remembers of the log: the last checkpoint, and the larger size of a receipt since', async () => {
    using bench = new Bench();
    assert.equal(rememberedLog(bench.journal), undefined);
    await bench.session();
    const checkpoint = bench.journal.fact('checkpoint')!;
    assert.deepEqual(rememberedLog(bench.journal), { checkpoint, logSize: 1 });
    rememberLogSize(bench.journal, 9);
    assert.deepEqual(rememberedLog(bench.journal), { checkpoint, logSize: 9 });
    bench.journal.recordFact('checkpoint', checkpoint.replace(/\n1\n/, '\n2\n'));
    assert.throws(() => rememberedLog(bench.journal), { code: 'signature_wrong' });
  });

  it('I-16: refuses a log that was rewritten, also where it is longer', async () => {
    using bench = new Bench();
    bench.authority.append('a');
    await bench.session();
    await bench.restart();
    bench.authority.rewindLog(['realm', 'b', 'c', 'd']);
    await assert.rejects(bench.session(), inconsistent);
  });

  it('refuses a checkpoint that the log did not sign, and a proof that does not fit', async () => {
    const { bench, set } = tampered();
    try {
      set((view) => ({ ...view, checkpoint: view.checkpoint.replace(/\n1\n/, '\n2\n') }));
      await assert.rejects(bench.session(), (error) => isImprintError(error, 'signature_wrong'));
      set((view) => view);
      await bench.session();
      await bench.restart();
      bench.authority.append('more');
      set((view) => ({ ...view, consistency_proof: ['00'.repeat(32)] }));
      await assert.rejects(bench.session(), inconsistent);
    } finally {
      bench[Symbol.dispose]();
    }
  });

  it('I-20: refuses another root, another log key, another realm and another station than the ones it knows', async () => {
    using other = new Bench();
    const { root_pem } = await other.authority.call('openSession', {}, request);
    const { bench, set } = tampered();
    try {
      await bench.session();
      for (const change of [{ root_pem }, { realm: 'prod' as const }, { station_id: 'station-2' }]) {
        await bench.restart();
        set((view) => ({ ...view, ...change }));
        await assert.rejects(
          bench.session(),
          (error) => isImprintError(error, 'log_inconsistent', 'realm_mismatch'),
          JSON.stringify(change).slice(0, 40),
        );
      }
    } finally {
      bench[Symbol.dispose]();
    }
  });

  it("I-30: goes by the authority's time, however wrong its own clock is", async () => {
    const { bench, set } = tampered();
    try {
      set((view) => ({ ...view, server_time: '2031-05-05T05:05:05.000Z' }));
      const session = await bench.session();
      const time = session.serverTime().toISOString();
      assert.match(time, /^2031-05-05T05:05:0/);
      assert.ok(session.clockOffsetMs() < -86_400_000);
    } finally {
      bench[Symbol.dispose]();
    }
  });
});

const request = {
  station_version: '0.1.0',
  configuration_sha256: '00'.repeat(32),
  station_time: '2026-01-01T00:00:00.000Z',
  last_checkpoint: null,
};
