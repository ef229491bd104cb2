import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import type { EntryData } from '@imprint/contract/audit/entry';
import type { ErrorCode } from '@imprint/contract/errors';
import { closeOrder } from '../registry/orders.ts';
import { revokeStation } from '../stations/enrolment.ts';
import {
  addStation,
  contract,
  contractSha256,
  type Line,
  openLine,
  sensor,
  TestUnit,
} from './line.test-kit.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const person = { kind: 'person', id: 'tester' } as const;
const ids = ['GW-T100', 'GW-T200', 'GW-T300'] as const;
const [id, second, third] = ids;
const otherOrder = (change: Partial<EntryData<'order.created'>> = {}): EntryData<'order.created'> => ({
  order_id: 'order-2',
  product: contract.product,
  sku: contract.skus[0]!,
  lot: 'lot-2',
  contract_sha256: contractSha256,
  hardware_revisions: ['B1'],
  quantity: 1,
  scrap_allowance: 0,
  id_source: 'imported',
  sites: [],
  stations: ['st-1', 'st-2'],
  opens_at: '2026-11-01T00:00:00.000Z',
  closes_at: '2026-12-31T00:00:00.000Z',
  ...change,
});

async function addOrder(line: Line, deviceId: string, change: Partial<EntryData<'order.created'>> = {}) {
  await line.record(
    { type: 'order.created', actor: person, data: otherOrder(change) },
    { type: 'order.ids-allocated', actor: person, data: { order_id: 'order-2', device_ids: [deviceId] } },
  );
}

describe('opening a job', () => {
  let line: Line;
  const lines: Line[] = [];
  beforeEach(async () => {
    line = await openLine([...ids]);
    lines.push(line);
  });
  after(() => Promise.all(lines.map((one) => one.close())));

  const open = (...args: [deviceId: string | null, change?: object, unit?: TestUnit]) =>
    Walk.open(line, args[2] ?? new TestUnit('u1'), args[0], args[1] ?? {});

  const firmware = contract.firmware;
  const cases: Record<string, [deviceId: string | null, change: object, code: ErrorCode]> = {
    'an ID that no order has': ['GW-T999', {}, 'not_allocated'],
    'an ID that only looks like an allocated one': ['gw-t100', {}, 'not_allocated'],
    'an ID that holds an SQL fragment': ["GW-T100' OR '1", {}, 'not_allocated'],
    'an ID under the name of another order': [id, { order_id: 'order-9' }, 'not_allocated'],
    'neither an ID nor an order': [null, {}, 'bad_request'],
    'an order that is not there': [null, { order_id: 'order-9' }, 'unknown_order'],
    'the next free ID where labels are printed beforehand': [null, { order_id: 'order-1' }, 'bad_request'],
    'no shift': [id, { shift_id: null }, 'shift_not_open'],
    'the shift of another station': [id, { shift_id: 'shift-st-2' }, 'shift_not_open'],
    'a hardware revision that the order does not take': [id, { hw_rev: 'C9' }, 'evidence_wrong'],
    'firmware of another build': [id, { firmware: { ...firmware, build_id: 'gateway-0' } }, 'evidence_wrong'],
    'firmware of another hash': [
      id,
      { firmware: { ...firmware, sha256: 'ab'.repeat(32) } },
      'evidence_wrong',
    ],
    'a roll-back counter below the contract’s': [
      id,
      { firmware: { ...firmware, rollback_counter: firmware.rollback_counter - 1 } },
      'evidence_wrong',
    ],
    'a unit that leaves out an identifier of the contract': [
      id,
      { hardware_uid: [{ kind: 'mcu-uid', value: 'u1-mcu-uid' }] },
      'evidence_wrong',
    ],
    'a unit with an identifier of another kind only': [
      id,
      { hardware_uid: [{ kind: 'mac', value: '02:00:00:00:00:01' }] },
      'evidence_wrong',
    ],
    'a lane that the station does not have': [
      id,
      { where: { lane: 3, carrier: null, position: null } },
      'bad_request',
    ],
    'a visit to seal before anything was provisioned': [id, { operation: 'seal' }, 'job_state_wrong'],
  };
  for (const [what, [deviceId, change, code]] of Object.entries(cases)) {
    test(`I-21: refuses ${what}, and nothing is written`, async () => {
      await addStation(line.record, line.core, 'st-2', 1);
      const before = await line.core.ledger.head();
      await refuses(open(deviceId, change), code);
      assert.deepEqual(await line.core.ledger.head(), before);
      assert.equal(await quotaUsed(line), 0);
    });
  }

  test('I-21: refuses an ID of an order at which the station may not work, and sets nothing aside for it', async () => {
    await addOrder(line, 'GW-X1', { stations: ['st-9'] });
    await refuses(open('GW-X1', { held: held({ device_id: id }) }), 'not_authorized');
    assert.equal((await entriesOf(line, 'unit.quarantined')).length, 0);
    assert.equal((await entriesOf(line, 'alarm.raised')).length, 0);
  });

  test('I-21: refuses a station at another site, and an order that names nobody is nobody’s', async () => {
    await addOrder(line, 'GW-X1', { stations: [], sites: ['site-7'] });
    await refuses(open('GW-X1'), 'wrong_site');
    const nobody = await openLine(['GW-N1'], { stations: [], sites: [] });
    lines.push(nobody);
    await refuses(Walk.open(nobody, new TestUnit('u1'), 'GW-N1'), 'not_authorized');
  });

  test('I-21: an order takes nothing before it opens and nothing from its closing time on', async () => {
    const early = await openLine(['GW-E1'], { opens_at: '2026-11-24T08:00:00.001Z' });
    const late = await openLine(['GW-L1'], { closes_at: '2026-11-24T08:00:00.000Z' });
    lines.push(early, late);
    await refuses(Walk.open(early, new TestUnit('u1'), 'GW-E1'), 'order_closed', /opens at/);
    early.pass(1);
    await Walk.open(early, new TestUnit('u1'), 'GW-E1');
    await refuses(Walk.open(late, new TestUnit('u1'), 'GW-L1'), 'order_closed', /is closed since/);
  });

  test('I-21: refuses a new unit once a person has closed the order', async () => {
    await closeOrder(line.core.ledger, person, 'order-1', 'enough');
    await refuses(open(id), 'order_closed');
  });

  test('refuses a board of another revision when it comes again: what was made for it is for the first', async () => {
    const unit = new TestUnit('u1');
    await open(id, { hw_rev: 'B1' }, unit);
    await refuses(open(id, { hw_rev: 'B2' }, unit), 'evidence_wrong', /began as B1/);
  });

  test('I-21: a station has no more live jobs than lanes; a lane is free when its attempt ends or its lease is over', async () => {
    const first = await open(id, {}, new TestUnit('u1'));
    await open(second, {}, new TestUnit('u2'));
    await refuses(open(third, {}, new TestUnit('u3')), 'lane_limit_reached');
    await first.seal().catch(() => undefined);
    await open(id, {}, first.unit);
    await refuses(open(third, {}, new TestUnit('u3')), 'lane_limit_reached');
    line.pass(15 * 60_000);
    await open(third, {}, new TestUnit('u3'));
  });

  test('I-21: concurrent scans do not get past the lane limit', async () => {
    const outcomes = await Promise.allSettled(
      ids.map((deviceId, at) => open(deviceId, {}, new TestUnit(`u${at}`))),
    );
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected']);
  });

  test('I-21: a station begins no more attempts in a minute than its lanes can work', async () => {
    line.core.jobsPerLaneAMinute = 2;
    const unit = new TestUnit('u1');
    for (let scans = 0; scans < 4; scans++) await open(id, {}, unit);
    await refuses(open(id, {}, unit), 'rate_limited');
    line.pass(60_001);
    await open(id, {}, unit);
  });

  test('two stations, one ID: one winner, and the loser’s unit is set aside', async () => {
    const other = await addStation(line.record, line.core, 'st-2', 1);
    const outcomes = await Promise.allSettled([
      Walk.open(line, new TestUnit('u1'), id),
      Walk.open(line, new TestUnit('u2'), id, {}, other),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await refuses(
      Promise.reject((outcomes.find(isRejected) as PromiseRejectedResult).reason),
      'unit_conflict',
    );
    assert.equal((await entriesOf(line, 'job.opened')).length, 1);
    assert.equal((await entriesOf(line, 'unit.quarantined')).length, 1);
  });

  test('two stations, one ID and one unit: one job, whose earlier attempt is over', async () => {
    const other = await addStation(line.record, line.core, 'st-2', 1);
    const unit = new TestUnit('u1');
    const [first, later] = await Promise.all([
      Walk.open(line, unit, id),
      Walk.open(line, unit, id, {}, other),
    ]);
    assert.equal(first.jobId, later.jobId);
    assert.deepEqual([first.attempt, later.attempt], [1, 2]);
    await refuses(first.issue(), 'job_not_open');
    await later.issue();
    assert.equal(await quotaUsed(line), 1);
  });

  test('duplicate barcode, same unit: the job goes on and the certificate is the same', async () => {
    const unit = new TestUnit('u1');
    const first = await (await open(id, {}, unit)).issue();
    const again = await open(id, {}, unit);
    assert.equal(again.attempt, 2);
    assert.deepEqual(await again.issue(), first);
    assert.equal(await quotaUsed(line), 1);
  });

  test('duplicate barcode, another unit: the newcomer is set aside, the finished one stays done', async () => {
    const done = await doneUnit(line, new TestUnit('u1'), id);
    const newcomer = new TestUnit('u2');
    await refuses(open(id, {}, newcomer), 'unit_conflict', /belongs to another unit/);
    await refuses(open(second, {}, newcomer), 'device_quarantined');
    const { device, job, unit } = await deviceOf(line, id);
    assert.deepEqual([device.state, job?.state, unit?.quarantined], ['allocated', 'done', 0]);
    assert.equal((await deviceOf(line, id)).credentials[0]!.status, 'active');
    assert.equal((await open(id, {}, done.unit)).jobId, done.jobId);
  });

  test('duplicate barcode, another unit, while the first is in work: the first goes on', async () => {
    const first = await open(id, {}, new TestUnit('u1'));
    await refuses(open(id, {}, new TestUnit('u2')), 'unit_conflict');
    await first.issue();
  });

  test('a unit that was made as one ID and scanned as another keeps its own, and is told which label it needs', async () => {
    const unit = new TestUnit('u1');
    await open(id, {}, unit);
    await refuses(open(second, {}, unit), 'wrong_label', /this unit is GW-T100/);
    assert.equal((await deviceOf(line, second)).job, undefined);
  });

  test('a finished unit that is scanned again gets its receipt: no attempt, no quota, though the order is closed', async () => {
    const done = await doneUnit(line, new TestUnit('u1'), id);
    await closeOrder(line.core.ledger, person, 'order-1', 'enough');
    const before = await line.core.ledger.head();
    const again = await open(id, {}, done.unit);
    assert.deepEqual([again.jobId, again.attempt], [done.jobId, done.attempt]);
    assert.deepEqual(await line.core.ledger.head(), before);
  });

  test('I-11: a station that was revoked between two requests is refused at the next', async () => {
    const walk = await open(id);
    await revokeStation(line.core as never, person, 'st-1', 'stolen');
    await refuses(walk.issue(), 'station_revoked');
    await refuses(open(second), 'station_revoked');
    assert.equal(await quotaUsed(line), 0);
  });

  test('I-11: a station whose certificate has run out is refused', async () => {
    const walk = await open(id);
    line.pass(40 * 86_400_000);
    await refuses(walk.issue(), 'not_authenticated', /ran out/);
  });

  test('I-14: a device that people have moved on is not made anew', async () => {
    await line.record({
      type: 'device.transitioned',
      actor: person,
      data: { device_id: id, from: 'allocated', to: 'scrapped', reason: 'label destroyed' },
    });
    await refuses(open(id), 'device_quarantined');
    await line.record(
      {
        type: 'device.transitioned',
        actor: person,
        data: { device_id: second, from: 'allocated', to: 'quarantined', reason: 'found on the floor' },
      },
      {
        type: 'device.transitioned',
        actor: person,
        data: { device_id: second, from: 'quarantined', to: 'lost', reason: 'gone' },
      },
    );
    await refuses(open(second), 'device_quarantined', /is lost/);
  });

  test('a product whose labels come last is given the order’s next free ID, each once', async () => {
    const late = await openLine(['SE-1', 'SE-2'], {}, 2, sensor);
    lines.push(late);
    const opened = await Promise.all(
      ['u1', 'u2'].map((uid) => Walk.open(late, new TestUnit(uid, sensor), null, { order_id: 'order-1' })),
    );
    assert.deepEqual(opened.map(({ deviceId }) => deviceId).sort(), ['SE-1', 'SE-2']);
    const again = await Walk.open(late, new TestUnit('u1', sensor), null, { order_id: 'order-1' });
    assert.equal(again.deviceId, opened[0]!.deviceId);
  });

  test('a visit to seal begins only after what the route has before it', async () => {
    const two = await openLine(['SE-1'], {}, 2, sensor);
    lines.push(two);
    const unit = new TestUnit('u1', sensor);
    const visit = { operation: 'seal' as const, order_id: 'order-1' };
    const first = await Walk.open(two, unit, 'SE-1', {});
    await refuses(Walk.open(two, unit, 'SE-1', visit), 'job_state_wrong', /provision, calibration/);
    await first.issue();
    await provenUnit(two, unit, 'SE-1', {});
    await refuses(Walk.open(two, unit, 'SE-1', visit), 'job_state_wrong', /did not pass calibration/);
  });
});

const held = (change: object) => ({
  device_id: null,
  public_key_sha256: null,
  certificate_sha256: null,
  ...change,
});

function isRejected(outcome: PromiseSettledResult<unknown>): boolean {
  return outcome.status === 'rejected';
}
