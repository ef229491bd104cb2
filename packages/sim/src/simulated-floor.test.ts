import assert from 'node:assert/strict';
import { test } from 'node:test';
import { control } from './control.ts';
import { defaultFaultWeights, type FaultKind } from './faults.ts';
import { Fixture } from './fixture.ts';
import { SimulatedFloor } from './simulated-floor.ts';
import type { OpenFixture } from './tcp-fixture.ts';
import { planFor } from './unit-driver.test-kit.ts';
import type { UnitPlan } from './unit-plan.ts';

function floorOf(units: number, fixtures = 2, changes: Partial<UnitPlan> = {}, firstUnit = 1) {
  const swaps: { fixture: number; was: number; unit: number }[] = [];
  const open: OpenFixture[] = Array.from({ length: fixtures }, (_, at) => ({
    fixture: new Fixture(),
    port: `memory:${at}`,
    close: async () => {},
  }));
  const plan = planFor({ rootSha256: '0'.repeat(64) }, changes);
  const floor = new SimulatedFloor({
    plan,
    firstUnit,
    units,
    fixtures: open,
    onSwap: (swap) => swaps.push(swap),
  });
  return { floor, open, swaps };
}

test('a control line that is not exactly one of those known is refused with a reason', async () => {
  const { floor } = floorOf(2);
  for (const line of [
    'nonsense',
    'null',
    '[]',
    '{}',
    '{"load":{"fixture":1}}',
    '{"load":{"fixture":1,"unit":"1"}}',
    '{"load":{"fixture":1,"unit":1,"further":1}}',
    '{"load":{"fixture":9,"unit":1}}',
    '{"load":{"fixture":1,"unit":3}}',
    '{"load":{"fixture":1,"unit":1.5}}',
    '{"load":{"fixture":1,"unit":1},"report":true}',
    '{"report":false}',
    '{"__proto__":{"fixture":1}}',
    '{"constructor":{}}',
    '{"csr":{"unit":1}}',
    '{"power":{"fixture":1,"on":1}}',
  ]) {
    const event = await control(floor, line);
    assert.equal(event.event, 'refused', line);
    assert.match(String(event.reason), /\.$/);
  }
});

test('loads, reports, switches and unloads; a lifted unit keeps its board', async () => {
  const { floor } = floorOf(3);
  assert.deepEqual(await control(floor, '{"load":{"fixture":1,"unit":2}}'), {
    event: 'loaded',
    fixture: 1,
    unit: 2,
  });
  assert.equal((await control(floor, '{"load":{"fixture":2,"unit":2}}')).event, 'refused');
  floor.unit(2).board.memory.write('device_id', Buffer.from('GW-2'));
  await control(floor, '{"power":{"fixture":1,"on":false}}');
  await control(floor, '{"power":{"fixture":1,"on":true}}');
  await control(floor, '{"unload":{"fixture":1}}');
  await control(floor, '{"load":{"fixture":2,"unit":2}}');
  const report = (await control(floor, '{"report":true}')) as unknown as ReturnType<SimulatedFloor['report']>;
  assert.deepEqual(
    report.units.map(({ unit, fixture, device_id, boot_count }) => [unit, fixture, device_id, boot_count]),
    [[2, 2, 'GW-2', 3]],
  );
});

test('unit n is the same unit whichever process makes it', () => {
  const uids = (firstUnit: number) => floorOf(4, 1, {}, firstUnit).floor.unit(7).summary().hardware_uid;
  assert.equal(uids(5), uids(7));
  const { floor } = floorOf(50);
  const all = Array.from({ length: 50 }, (_, at) => floor.unit(at + 1).summary().hardware_uid);
  assert.equal(new Set(all).size, 50);
});

test('the fault swap lays a unit from the tray into the fixture, tells it, and counts it', () => {
  const none = Object.fromEntries(Object.keys(defaultFaultWeights).map((kind) => [kind, 0]));
  const faultWeights = { ...none, swap: 1 } as Record<FaultKind, number>;
  const { floor, open, swaps } = floorOf(3, 2, { faultRate: 1, faultWeights });
  floor.load(1, 1);
  floor.load(2, 2);
  open[0]!.fixture.receive(Buffer.from('{"cmd":"status"}\n'));
  assert.deepEqual(swaps, [{ fixture: 1, was: 1, unit: 3 }]);
  assert.equal(open[0]!.fixture.unit, floor.unit(3));
  assert.ok(!floor.unit(1).powered && floor.unit(3).powered);
  assert.deepEqual(floor.report().faults, { swap: 1 });
});

test('an article unit’s request can be had out of band, before it is laid in', async () => {
  const { floor } = floorOf(1, 1, { protocol: 'article' });
  const event = await control(floor, '{"csr":{"unit":1}}');
  assert.match(String(event.csr_pem), /^-----BEGIN CERTIFICATE REQUEST-----\n/);
});
