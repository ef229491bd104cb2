import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameLine } from '@imprint/contract/dut/frame';
import { Fixture } from './fixture.ts';
import { planFor } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';
import { VirtualTiming } from './virtual-timing.test-kit.ts';

const plan = planFor({ rootSha256: '0'.repeat(64) });
const hello = Buffer.from(`${frameLine({ seq: 0, cmd: 'hello', payload: { versions: [1] } })}\n`);

function atBaud(baud: number) {
  const timing = new VirtualTiming();
  const fixture = new Fixture({ baud, timing });
  let received = '';
  fixture.connect((bytes) => {
    received += Buffer.from(bytes).toString('utf8');
  });
  return { timing, fixture, received: () => received };
}

test('an exchange takes its bytes in both directions at ten bits each, and the unit’s own time', async () => {
  const { timing, fixture, received } = atBaud(9600);
  fixture.load(makeUnit({ ...plan, timing, commandDelayMs: () => 100 }, 1));
  await timing.run();
  const booted = received().length;
  const began = timing.nowMs();
  fixture.receive(hello);
  await timing.run();
  const bytes = hello.length + received().length - booted;
  assert.ok(bytes > 400);
  const expected = (bytes * 10_000) / 9600 + 100;
  assert.ok(Math.abs(timing.nowMs() - began - expected) < 2, `${timing.nowMs() - began} against ${expected}`);
});

test('a unit that is lifted out takes with it what was on the wire, and the next one starts clean', async () => {
  const { timing, fixture, received } = atBaud(9600);
  fixture.load(makeUnit({ ...plan, timing }, 1));
  await timing.run();
  fixture.receive(hello);
  await timing.run(timing.nowMs() + 10);
  fixture.load(makeUnit({ ...plan, timing }, 2));
  await timing.run();
  assert.ok(!received().includes('"ok"'));
  fixture.receive(hello);
  await timing.run();
  assert.equal(received().match(/"ok":true/g)?.length, 1);
});

test('an empty fixture and a unit without power hear nothing', async () => {
  const { timing, fixture, received } = atBaud(115_200);
  fixture.receive(hello);
  await timing.run();
  const unit = makeUnit({ ...plan, timing }, 1);
  fixture.load(unit);
  await timing.run();
  fixture.power(false);
  const before = received();
  fixture.receive(hello);
  await timing.run();
  assert.equal(received(), before);
  fixture.power(true);
  fixture.power(true);
  assert.equal(unit.summary().boot_count, 2);
});
