import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameLine } from '@imprint/contract/dut/frame';
import { planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';
import { VirtualTiming } from './virtual-timing.test-kit.ts';

const realm = { rootSha256: '0'.repeat(64) };
const makeKey = frameLine({
  seq: 1,
  cmd: 'generate_key',
  payload: { slot: 0, type: 'ec-p256', replace: false },
});

test('what was under way when the power went is never answered, also when it comes back at once', async () => {
  const driver = new UnitDriver(makeUnit(planFor(realm), 1));
  driver.unit.powerOn();
  await driver.booted();
  await driver.hello();
  driver.send(makeKey);
  driver.unit.powerOff();
  driver.unit.powerOn();
  await driver.booted();
  await driver.unit.requestOutOfBand();
  assert.ok(!driver.output.includes('csr_b64'));
  assert.equal((await driver.framed({ seq: 2, cmd: 'status' })).error, 'no_session');
});

test('a command whose time had not passed when the power went does nothing to the board', async () => {
  const timing = new VirtualTiming();
  const driver = new UnitDriver(makeUnit(planFor(realm, { timing, keyDelayMs: 300 }), 1));
  driver.unit.powerOn();
  await driver.booted();
  await driver.hello();
  driver.send(makeKey);
  await timing.run(299);
  driver.unit.powerOff();
  driver.unit.powerOn();
  await timing.run();
  assert.equal(driver.unit.summary().public_key_sha256, null);
  assert.equal(driver.unit.board.memory.writes('key'), 0);
});

test('half a line that was heard before a power cut is not joined to what comes after it', async () => {
  const driver = new UnitDriver(makeUnit(planFor(realm), 1));
  driver.unit.powerOn();
  await driver.booted();
  const line = JSON.stringify({ cmd: 'set_device_id', payload: { device_id: 'GW-1' } });
  driver.unit.receive(Buffer.from(line.slice(0, 20)));
  await driver.unit.powerCycle();
  await driver.booted();
  driver.send(line.slice(20));
  await driver.nextLine();
  assert.equal(driver.unit.summary().device_id, null);
});

test('a making of keys takes the key’s time and the command’s', async () => {
  const timing = new VirtualTiming();
  const commandDelayMs = (name: string) => (name === 'hello' ? 7 : 20);
  const driver = new UnitDriver(makeUnit(planFor(realm, { timing, keyDelayMs: 300, commandDelayMs }), 1));
  driver.unit.powerOn();
  await driver.booted();
  driver.sendFramed({ seq: 0, cmd: 'hello', payload: { versions: [1] } });
  await timing.run();
  assert.equal(timing.nowMs(), 7);
  driver.send(makeKey);
  await timing.run();
  assert.equal(timing.nowMs(), 327);
});
