/** Several requests under way at once, where the unit's hello allows it: over a good wire, and over one that loses and damages. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FramedRequest, frameLine, parseRequestLine } from '@imprint/contract/dut/frame';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { Fixture } from '@imprint/sim/fixture';
import { makeUnit, planFromContract } from '@imprint/sim/unit-plan';
import { Bench, FixtureLink } from './bench.double.ts';
import { DutSession } from './dut-session.ts';
import { RushedTimers } from './rushed-timers.double.ts';
import { ScriptedLink } from './scripted-link.double.ts';

const hash = 'ab'.repeat(32);

function helloOf(window: number | undefined, max_line = 4096) {
  const hello = {
    version: 1,
    session: '00000001',
    max_line,
    features: [],
    hardware_uid: [{ kind: 'mcu-uid', value: '0123ABCD' }],
    hw_rev: 'B2',
    product: 'gateway',
    firmware: { build_id: 'fw-1', sha256: hash, rollback_counter: 1 },
    realm: 'dev',
    root_sha256: hash,
    storage_map_sha256: hash,
  };
  return window === undefined ? hello : { ...hello, window };
}

/** A unit that keeps what it hears until it is told to answer. */
function waitingUnit(window: number | undefined) {
  const heard: FramedRequest[] = [];
  const link = new ScriptedLink((line) => {
    const framed = parseRequestLine(line);
    assert.equal(framed.kind, 'frame');
    if (framed.frame.cmd === 'hello') {
      return [`${frameLine({ seq: 0, ok: true, ...helloOf(window) })}\n`];
    }
    heard.push(framed.frame);
    return [];
  });
  const answer = (seq: number, fields: Record<string, unknown> = { ok: true, device_id: 'SN-1' }) =>
    link.say(`${frameLine({ seq, ok: true, ...fields })}\n`);
  return { link, heard, answer, session: new DutSession(link, new RushedTimers()) };
}

const fourIds = Array.from({ length: 4 }, () => ({ cmd: 'read_device_id', payload: {} }) as const);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const seqs = (heard: FramedRequest[]) => heard.map(({ seq }) => seq);

describe('requests under way at once', () => {
  it('as many as hello allows, and one where it says nothing', async () => {
    for (const [window, atOnce] of [
      [undefined, [1]],
      [1, [1]],
      [3, [1, 2, 3]],
      [8, [1, 2, 3, 4]],
    ] as const) {
      const { session, heard, answer } = waitingUnit(window);
      await session.start();
      const all = session.callAll(fourIds);
      await turn();
      assert.deepEqual(seqs(heard), atOnce);
      for (let seq = 1; seq <= 4; seq++) {
        answer(seq);
        await turn();
        assert.deepEqual(seqs(heard).at(-1), Math.min(4, seq + atOnce.length));
      }
      assert.equal((await all).length, 4);
    }
  });

  it('a hello that allows more than a unit can keep is refused', async () => {
    const { session } = waitingUnit(limits.dutWindow + 1);
    await assert.rejects(session.start(), (error) => isImprintError(error, 'dut_protocol'));
  });

  it('the answer to a later request shows that one was lost: it is sent again at once, and what followed after it', async () => {
    const { session, heard, answer } = waitingUnit(4);
    await session.start();
    const all = session.callAll(fourIds);
    await turn();
    answer(1);
    // the second was lost on its way: the unit refuses those behind it
    answer(3, { ok: false, error: 'bad_seq' });
    answer(4, { ok: false, error: 'bad_seq' });
    await turn();
    assert.deepEqual(seqs(heard), [1, 2, 3, 4, 2]);
    answer(2);
    await turn();
    assert.deepEqual(seqs(heard), [1, 2, 3, 4, 2, 3, 4]);
    answer(3);
    answer(4);
    assert.equal((await all).length, 4);
    assert.equal(new Set(heard.map(({ seq }) => seq)).size, 4);
  });

  it('nothing is begun after a refusal, and what was under way is settled, so that the session goes on', async () => {
    const { session, heard, answer } = waitingUnit(2);
    await session.start();
    const all = session.callAll(fourIds);
    await turn();
    answer(1, { ok: false, error: 'not_written' });
    answer(2);
    await assert.rejects(all, (error) => isImprintError(error, 'dut_refused'));
    assert.deepEqual(seqs(heard), [1, 2]);
    const next = session.call('read_device_id', {});
    await turn();
    assert.equal(heard.at(-1)!.seq, 3);
    answer(3);
    await next;
  });

  it('a unit that was reset says so to the first of them', async () => {
    const { session, answer } = waitingUnit(4);
    await session.start();
    const all = session.callAll(fourIds);
    await turn();
    for (let seq = 1; seq <= 4; seq++) answer(seq, { ok: false, error: 'no_session' });
    await assert.rejects(all, (error) => isImprintError(error, 'dut_reset'));
  });

  it('I-24: over any noise each request is carried out once, in order, and each answer is the right one', async () => {
    using bench = new Bench();
    const { contract } = bench.authority.contract;
    const noise = { reset: 0, 'power-before': 0, 'power-during': 0, 'power-after': 0, swap: 0 };
    let finished = 0;
    let disturbed = 0;
    for (let round = 0; round < 60; round++) {
      const carriedOut: string[] = [];
      const plan = planFromContract({
        contract,
        storageMapSha256: hash,
        realm: 'dev',
        rootSha256: bench.authority.rootSha256,
        seed: `window ${round}`,
      });
      const fixture = new Fixture();
      const unit = makeUnit(
        {
          ...plan,
          window: [1, 2, 4, limits.dutWindow][round % 4]!,
          maxLine: [256, 700, 4096][round % 3]!,
          faultRate: 0.1,
          faultWeights: noise,
          commandDelayMs: (name) => {
            carriedOut.push(name);
            return 0;
          },
        },
        1,
      );
      fixture.load(unit);
      const link = new FixtureLink(fixture);
      const session = new DutSession(link, new RushedTimers());
      const texts = [round, round + 1].map((number) =>
        JSON.stringify({ ...configFields, pad: `${number}`.repeat(600) }),
      );
      try {
        await session.start();
        await session.callAll([
          { cmd: 'set_device_id', payload: { device_id: 'GW-1' } },
          { cmd: 'write_factory_config', payload: { config: texts[0]! } },
          { cmd: 'set_device_id', payload: { device_id: 'GW-2' } },
          { cmd: 'write_factory_config', payload: { config: texts[1]! } },
        ]);
        const found = await session.callAll([
          { cmd: 'read_factory_config', payload: {} },
          { cmd: 'read_device_id', payload: {} },
          { cmd: 'status', payload: {} },
          { cmd: 'read_factory_config', payload: {} },
        ]);
        assert.equal(found[0].config, texts[1]);
        assert.equal(found[1].device_id, 'GW-2');
        assert.equal(found[2].device_id, 'GW-2');
        assert.deepEqual(found[3], found[0]);
        finished++;
      } catch (error) {
        if (!isImprintError(error, 'dut_garbled', 'dut_silent')) throw error;
      }
      // a hello is another acquaintance each time; every other request is one of the session's
      const asked = [...new Set(link.sent)]
        .map((line) => JSON.parse(line))
        .filter(({ cmd }) => cmd !== 'hello');
      const done = carriedOut.filter((name) => name !== 'hello');
      assert.deepEqual(
        done,
        asked.slice(0, done.length).map(({ cmd }) => cmd),
        `round ${round}`,
      );
      disturbed += Object.values(unit.faultCounts).reduce((sum, count) => sum + count, 0);
      fixture.unload();
    }
    assert.ok(finished > 50, `${finished} rounds came to their end`);
    assert.ok(disturbed > 100, `${disturbed} faults struck`);
  });
});

const configFields = { realm: 'dev', log_id: hash, contract_sha256: hash };
