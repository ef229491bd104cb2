import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameLine, parseReplyLine, parseRequestLine } from '@imprint/contract/dut/frame';
import { seededEntropy } from './entropy.ts';
import { defaultFaultWeights, type FaultKind, FaultSource } from './faults.ts';
import { planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';

const kinds = Object.keys(defaultFaultWeights) as FaultKind[];
const only = (kind: FaultKind) => ({
  ...(Object.fromEntries(kinds.map((name) => [name, 0])) as Record<FaultKind, number>),
  [kind]: 1,
});
const source = (rate: number, seed = 's') => new FaultSource({ rate, entropy: seededEntropy(seed) });
const draws = (faults: FaultSource, count: number) => Array.from({ length: count }, () => faults.draw());

test('disturbs the share of exchanges that it is told to, and swaps about one in forty of those', () => {
  const drawn = draws(source(0.25), 40_000).filter((kind) => kind !== undefined);
  assert.ok(Math.abs(drawn.length - 10_000) < 400, String(drawn.length));
  const swaps = drawn.filter((kind) => kind === 'swap').length;
  assert.ok(swaps > 180 && swaps < 330, String(swaps));
  assert.deepEqual(new Set(drawn), new Set(kinds));
});

test('one seed gives one sequence of faults, another seed another', () => {
  assert.deepEqual(draws(source(0.5), 100), draws(source(0.5), 100));
  assert.notDeepEqual(draws(source(0.5), 100), draws(source(0.5, 't'), 100));
});

test('a rate of 0 disturbs nothing', () => {
  assert.ok(draws(source(0), 1000).every((kind) => kind === undefined));
});

test('noise never makes another message of one: the CRC finds it or the message stands', () => {
  const faults = source(1);
  const request = { seq: 3, cmd: 'set_device_id', payload: { device_id: 'GW-0001' } };
  const reply = { seq: 3, ok: true, device_id: 'GW-0001' };
  for (let count = 0; count < 3000; count++) {
    const kind = faults.draw();
    for (const line of faults.disturbRequest(kind, frameLine(request))) {
      const read = parseRequestLine(line);
      if (read.kind !== 'garbled') assert.deepEqual(read, { kind: 'frame', frame: request });
    }
    const bytes = Buffer.from(faults.disturbReply(kind, frameLine(reply)));
    for (const line of bytes.toString('utf8').split('\n')) {
      const read = parseReplyLine(line);
      if (read.kind !== 'garbled') assert.deepEqual(read, { kind: 'frame', frame: reply });
    }
  }
});

async function disturbed(kind: FaultKind): Promise<UnitDriver> {
  const driver = new UnitDriver(
    makeUnit(planFor({ rootSha256: '0'.repeat(64) }, { faultRate: 1, faultWeights: only(kind) }), 1),
  );
  driver.unit.powerOn();
  await driver.booted();
  return driver;
}

const plainWrite = JSON.stringify({ cmd: 'set_device_id', payload: { device_id: 'GW-0001' } });

for (const [kind, written] of [
  ['reset', false],
  ['power-before', false],
  ['power-after', true],
] as const) {
  test(`the fault ${kind} costs the session, and the write is ${written ? '' : 'not '}done`, async () => {
    const driver = await disturbed(kind);
    driver.send(plainWrite);
    await driver.booted();
    assert.equal(driver.unit.summary().device_id, written ? 'GW-0001' : null);
    assert.equal(driver.unit.summary().boot_count, 2);
    assert.deepEqual(driver.unit.faultCounts, { [kind]: 1 });
    assert.ok(!driver.output.includes('"ok"'));
  });
}

test('the fault power-during tears the write, or strikes after a command that has none', async () => {
  const driver = await disturbed('power-during');
  let torn = 0;
  for (let count = 0; count < 60; count++) {
    driver.send(plainWrite.replace('GW-0001', `GW-${1000 + count}`));
    await driver.booted();
    torn += driver.unit.summary().torn.length;
  }
  const { 'power-during': during = 0, 'power-after': after = 0 } = driver.unit.faultCounts;
  assert.ok(during > 15 && after > 15 && during + after === 60);
  assert.ok(torn > 10 && torn <= during, String(torn));
});

test('a lost reply was carried out, a lost request was not', async () => {
  for (const [kind, written] of [
    ['reply-lost', 'GW-0001'],
    ['request-lost', null],
  ] as const) {
    const driver = await disturbed(kind);
    driver.send(plainWrite);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(driver.unit.summary().device_id, written);
    assert.ok(!driver.output.includes('"ok"'));
    assert.deepEqual(driver.unit.faultCounts, { [kind]: 1 });
  }
});

test('without a unit to swap with, the exchange goes on undisturbed', async () => {
  const driver = await disturbed('swap');
  assert.deepEqual(JSON.parse(await driver.raw(plainWrite)), { ok: true });
  assert.deepEqual(driver.unit.faultCounts, {});
});

test('under every fault at once a station that resends and reads gets a unit written, and no request is done twice', async () => {
  const unit = makeUnit(
    planFor({ rootSha256: '0'.repeat(64) }, { faultRate: 0.4, faultWeights: { swap: 0 } }),
    3,
  );
  const replies: string[] = [];
  let partial = '';
  unit.onOutput((bytes) => {
    const lines = (partial + Buffer.from(bytes).toString('utf8')).split('\n');
    partial = lines.pop()!;
    replies.push(...lines);
  });
  unit.powerOn();
  const settle = async () => {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    while (!unit.powered) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  let seq = 0;
  /** Sends until an answer to this number comes; undefined where the session is gone. */
  const exchange = async (cmd: string, payload: Record<string, unknown>) => {
    for (let tried = 0; tried < 50; tried++) {
      replies.length = 0;
      unit.receive(Buffer.from(`\n${frameLine({ seq, cmd, payload })}\n`));
      await settle();
      for (const line of replies) {
        const read = parseReplyLine(line);
        if (read.kind !== 'frame' || read.frame.seq !== seq) continue;
        if (read.frame.error === 'no_session' || read.frame.error === 'bad_seq') return undefined;
        if (read.frame.error !== 'bad_frame' && read.frame.error !== 'too_long') return read.frame;
      }
    }
    throw new Error('no answer in 50 tries');
  };
  let wanted = 0;
  for (let sessions = 0; wanted < 40; sessions++) {
    assert.ok(sessions < 500);
    seq = 0;
    if (!(await exchange('hello', { versions: [1] }))?.ok) continue;
    for (; wanted < 40; wanted++) {
      seq++;
      const written = await exchange('set_device_id', { device_id: `GW-${wanted}` });
      if (!written?.ok) break;
      seq++;
      const read = await exchange('read_device_id', {});
      if (!read) break;
      assert.equal(read.device_id, `GW-${wanted}`);
    }
  }
  const { 'power-during': cuts = 0, 'power-after': lost = 0 } = unit.faultCounts;
  assert.ok(
    unit.board.memory.writes('device_id') <=
      40 + cuts + lost + (unit.faultCounts.reset ?? 0) + (unit.faultCounts['power-before'] ?? 0),
  );
});
