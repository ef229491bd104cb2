import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { StationRequest } from '@imprint/contract/api/station';
import { limits } from '@imprint/contract/limits';
import { registerSample } from '../registry/samples.ts';
import { type OpenedCheck, openCheck, recordCheck } from './checks.ts';
import { addStation, type Line, openLine, requestId, sensor, TestUnit } from './line.test-kit.ts';
import type { StationCaller } from './line-core.ts';
import { openJob } from './open-job.ts';
import { reportOperation } from './operations.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const person = { kind: 'person', id: 'tester' } as const;

let line: Line;
let packing: StationCaller;
let done: Walk;
beforeEach(async () => {
  line = await openLine([id, second]);
  packing = await addStation(line.record, line.core, 'st-2', 2);
  done = await doneUnit(line, new TestUnit('u1'), id);
});
afterEach(() => line.close());

const open = (
  caller: StationCaller,
  change: Partial<StationRequest<'openCheck'>> = {},
  unit: TestUnit = done.unit,
) =>
  openCheck(line.core, caller, {
    request_id: requestId(),
    purpose: 'pack',
    device_id: id,
    hardware_uid: unit.hardwareUid,
    where: { lane: 1, carrier: null, position: null },
    shift_id: `shift-${caller.stationId}`,
    ...change,
  });

const signed = (check: OpenedCheck, unit: TestUnit = done.unit) =>
  unit.prove(done.statement({ jobId: check.check_id, attempt: 1, nonce: check.nonce }));

const record = (check: OpenedCheck, change: Partial<StationRequest<'recordCheck'>> = {}, caller = packing) =>
  recordCheck(line.core, caller, check.check_id, {
    request_id: requestId(),
    nonce: check.nonce,
    signature_b64: signed(check),
    selftest_passed: true,
    failure_code: null,
    ...change,
  });

const register = (kind: 'golden' | 'must-fail') =>
  registerSample(line.core.ledger, person, { device_id: id, kind, check_every_minutes: 60 });

describe('pack', () => {
  test('on another station makes the device manufactured, once', async () => {
    const check = await open(packing);
    const body = { request_id: requestId(), signature_b64: signed(check) };
    const answer = { outcome: 'pass', device_state: 'manufactured' };
    assert.deepEqual(await record(check, body), answer);
    assert.deepEqual(await record(check, body), answer);
    assert.equal((await deviceOf(line, id)).device.state, 'manufactured');
    assert.deepEqual(await record(await open(packing)), answer);
    assert.equal((await entriesOf(line, 'device.transitioned')).length, 1);
  });

  test('I-21: is refused on the station that made the unit, under any shift', async () => {
    await refuses(open(line.caller), 'not_authorized', /made on this station/);
    assert.equal((await deviceOf(line, id)).device.state, 'allocated');
  });

  test('I-21: is refused on every station that had the unit in work, also the one that only began', async () => {
    const two = await openLine(['SE-1'], {}, 2, sensor);
    const sealing = await addStation(two.record, two.core, 'st-2', 2);
    const unit = new TestUnit('u1', sensor);
    const report = (operation: string) =>
      reportOperation(two.core, two.caller, {
        request_id: requestId(),
        device_id: 'SE-1',
        operation,
        outcome: 'pass',
        shift_id: two.shiftId,
        note: null,
      });
    await provenUnit(two, unit, 'SE-1');
    await report('calibration');
    const visit = await Walk.open(two, unit, 'SE-1', { operation: 'seal' }, sealing);
    await visit.write();
    await visit.prove();
    await visit.seal();
    await visit.complete();
    const pack = (caller: StationCaller) =>
      openCheck(two.core, caller, {
        request_id: requestId(),
        purpose: 'pack',
        device_id: 'SE-1',
        hardware_uid: unit.hardwareUid,
        where: { lane: 1, carrier: null, position: null },
        shift_id: `shift-${caller.stationId}`,
      });
    await refuses(pack(two.caller), 'not_authorized');
    await refuses(pack(sealing), 'not_authorized');
    const stranger = await addStation(two.record, two.core, 'st-3', 1);
    await refuses(pack(stranger), 'not_authorized', /not assigned/);
    await two.close();
  });

  test('refuses another unit, a unit that is not done, one that people set aside, and an unknown ID', async () => {
    await refuses(open(packing, {}, new TestUnit('u9')), 'unit_conflict');
    const half = await provenUnit(line, new TestUnit('u2'), second);
    await refuses(open(packing, { device_id: second }, half.unit), 'job_state_wrong');
    await refuses(open(packing, { device_id: 'GW-T999' }), 'unknown_device');
    await refuses(open(packing, { where: { lane: 3, carrier: null, position: null } }), 'bad_request');
    await refuses(open(packing, { shift_id: line.shiftId }), 'shift_not_open');
    await line.record({
      type: 'device.transitioned',
      actor: person,
      data: { device_id: id, from: 'allocated', to: 'quarantined', reason: 'dropped' },
    });
    await refuses(open(packing), 'device_quarantined');
  });

  test('refuses a finished device whose board was set aside', async () => {
    await line.record({
      type: 'unit.quarantined',
      actor: person,
      data: { hardware_uid: done.unit.hardwareUid, reason: 'presented another identity' },
    });
    await refuses(open(packing), 'device_quarantined');
  });

  test('fails where another key signed, the unit said nothing, or its self-test failed, and nothing moves', async () => {
    const stranger = new TestUnit('u1');
    const changes: ((check: OpenedCheck) => Partial<StationRequest<'recordCheck'>>)[] = [
      (check) => ({ signature_b64: signed(check, stranger) }),
      () => ({ signature_b64: done.unit.prove(done.statement()) }),
      () => ({ signature_b64: null, failure_code: 'unit_silent' }),
      () => ({ selftest_passed: false }),
      () => ({ selftest_passed: null }),
    ];
    for (const change of changes) {
      const check = await open(packing);
      assert.deepEqual(await record(check, change(check)), { outcome: 'fail', device_state: 'allocated' });
    }
    assert.equal((await entriesOf(line, 'device.transitioned')).length, 0);
  });

  test('a check belongs to its station, its nonce to it, and to two minutes', async () => {
    const check = await open(packing);
    await refuses(record(check, {}, line.caller), 'unknown_job');
    const other = await open(packing);
    await refuses(record(check, { nonce: other.nonce }), 'nonce_invalid');
    line.pass(limits.nonceLifeMs);
    await refuses(record(check), 'nonce_invalid');
    await refuses(record({ ...check, check_id: 'c-none' }), 'unknown_job');
  });

  test('a check is recorded once', async () => {
    const check = await open(packing);
    await record(check);
    await refuses(record(check), 'unknown_job');
    assert.equal((await entriesOf(line, 'check.recorded')).length, 1);
  });
});

describe('a sample', () => {
  test('that is golden passes, moves nothing and uses no quota; it is none of the other kind', async () => {
    await register('golden');
    await refuses(open(packing, { purpose: 'must-fail' }), 'job_state_wrong');
    const check = await open(packing, { purpose: 'golden' });
    assert.deepEqual(await record(check), { outcome: 'pass', device_state: 'allocated' });
    assert.equal((await entriesOf(line, 'operation.reported')).length, 0);
  });

  test('that is overdue lets its site’s stations take no work, each until it has checked it, and again after its interval', async () => {
    await register('golden');
    const unit = new TestUnit('u2');
    const openAt = (caller: StationCaller, shift: string) =>
      openJob(line.core, caller, { ...unit.openRequest(second, shift), shift_id: shift });
    await refuses(openAt(line.caller, line.shiftId), 'sample_overdue');
    const elsewhere = await open(packing, { purpose: 'golden' });
    assert.equal((await record(elsewhere)).outcome, 'pass');
    await refuses(openAt(line.caller, line.shiftId), 'sample_overdue');
    const failed = await open(line.caller, { purpose: 'golden' });
    await record(failed, { selftest_passed: false }, line.caller);
    await refuses(openAt(line.caller, line.shiftId), 'sample_overdue');
    const passed = await open(line.caller, { purpose: 'golden' });
    await record(passed, {}, line.caller);
    await openAt(line.caller, line.shiftId);
    line.pass(480 * 60_000);
    await refuses(openAt(line.caller, line.shiftId), 'sample_overdue');
  });

  test('is checked on the station that made it as well', async () => {
    await register('golden');
    const check = await open(line.caller, { purpose: 'golden' });
    assert.equal((await record(check, {}, line.caller)).outcome, 'pass');
  });

  test('that must fail is recorded as what the authority found, whatever the station wishes', async () => {
    await register('must-fail');
    const check = await open(packing, { purpose: 'must-fail' });
    const wrong = { signature_b64: signed(check, new TestUnit('u1')), selftest_passed: true };
    assert.equal((await record(check, wrong)).outcome, 'fail');
    const blind = await open(packing, { purpose: 'must-fail' });
    assert.equal((await record(blind)).outcome, 'pass');
  });

  test('is only what was registered as one', async () => {
    await refuses(open(packing, { purpose: 'golden' }), 'job_state_wrong');
    await refuses(
      registerSample(line.core.ledger, person, { device_id: second, kind: 'golden', check_every_minutes: 1 }),
      'job_state_wrong',
    );
  });
});
