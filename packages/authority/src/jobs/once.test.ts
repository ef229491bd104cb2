import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { revokeStation } from '../stations/enrolment.ts';
import { addStation, type Line, openLine, requestId, TestUnit } from './line.test-kit.ts';
import { openJob } from './open-job.ts';
import { presentedKey } from './presented-key.ts';
import { closeShift, openShift } from './shifts.ts';
import { entriesOf, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;

describe('a request', () => {
  let line: Line;
  let unit: TestUnit;
  beforeEach(async () => {
    line = await openLine([id, second]);
    unit = new TestUnit('u1');
  });
  afterEach(() => line.close());

  const opening = (deviceId: string = id) => unit.openRequest(deviceId, line.shiftId);

  test('I-22: with the same ID and body has the same answer, as often as it comes and at whatever time', async () => {
    const body = opening();
    const first = await openJob(line.core, line.caller, body);
    line.pass(10 * 60_000);
    const again = await Promise.all([1, 2, 3].map(() => openJob(line.core, line.caller, body)));
    assert.deepEqual(again, [first, first, first]);
    assert.equal((await entriesOf(line, 'attempt.started')).length, 1);
  });

  test('I-22: at the same moment as itself is decided once', async () => {
    const body = opening();
    const all = await Promise.all(Array.from({ length: 8 }, () => openJob(line.core, line.caller, body)));
    assert.equal(new Set(all.map((one) => JSON.stringify(one))).size, 1);
    assert.equal((await entriesOf(line, 'job.opened')).length, 1);
  });

  test('I-22: with the same ID and another body is refused, and changes nothing', async () => {
    const body = opening();
    await openJob(line.core, line.caller, body);
    const head = await line.core.ledger.head();
    await refuses(openJob(line.core, line.caller, { ...body, device_id: second }), 'idempotency_conflict');
    await refuses(openJob(line.core, line.caller, { ...body, hw_rev: 'B2' }), 'idempotency_conflict');
    assert.deepEqual(await line.core.ledger.head(), head);
  });

  test('I-22: with the ID of a request to another route, or to another job, is refused', async () => {
    const body = opening();
    const walk = await Walk.open(line, unit, id, body);
    const { request_id } = body;
    await refuses(walk.issue({ request_id }), 'idempotency_conflict');
    await refuses(closeShift(line.core, line.caller, line.shiftId, { request_id }), 'idempotency_conflict');
    const issueId = requestId();
    await walk.issue({ request_id: issueId });
    const other = await Walk.open(line, new TestUnit('u2'), second, {
      where: { lane: 2, carrier: null, position: null },
    });
    await refuses(other.issue({ request_id: issueId }), 'idempotency_conflict');
  });

  test('I-22: of another station may bear the same ID', async () => {
    const other = await addStation(line.record, line.core, 'st-2', 1);
    const body = opening();
    await openJob(line.core, line.caller, body);
    const theirs = { ...new TestUnit('u2').openRequest(second, 'shift-st-2'), request_id: body.request_id };
    await openJob(line.core, other, theirs);
    assert.equal((await entriesOf(line, 'job.opened')).length, 2);
  });

  test('I-22: that was refused with a consequence is refused the same way again, without a second one', async () => {
    await openJob(line.core, line.caller, opening());
    const newcomer = { ...new TestUnit('u2').openRequest(id, line.shiftId) };
    await refuses(openJob(line.core, line.caller, newcomer), 'unit_conflict');
    await refuses(openJob(line.core, line.caller, newcomer), 'unit_conflict');
    assert.equal((await entriesOf(line, 'unit.quarantined')).length, 1);
  });

  test('that was refused without a consequence may be made again once its reason is gone', async () => {
    const body = { ...opening(), shift_id: 'shift-st-2' };
    await refuses(openJob(line.core, line.caller, body), 'shift_not_open');
    await openJob(line.core, line.caller, { ...body, shift_id: line.shiftId });
  });

  test('I-11: is not answered from memory for a station that was revoked since', async () => {
    const body = opening();
    const walk = await Walk.open(line, unit, id, body);
    const issuing = { request_id: requestId(), csr_b64: unit.csr() };
    await walk.issue(issuing);
    await revokeStation(line.core as never, { kind: 'person', id: 'tester' }, 'st-1', 'stolen');
    await refuses(openJob(line.core, line.caller, body), 'station_revoked');
    await refuses(walk.issue(issuing), 'station_revoked');
  });

  test('I-23: a scan that is repeated on a dead network uses one device ID', async () => {
    const body = opening();
    for (let times = 0; times < 5; times++) {
      const { job_id, attempt } = await openJob(line.core, line.caller, body);
      await line.issuing.issue(line.caller, job_id, {
        request_id: requestId(),
        attempt,
        key: presentedKey(unit.csr()),
      });
    }
    assert.equal(await quotaUsed(line), 1);
  });

  test('an unknown badge opens no shift; a closed shift opens no job, and open jobs survive it', async () => {
    const badge = { request_id: requestId(), badge: 'OP-nobody' };
    await refuses(openShift(line.core, line.caller, badge), 'unknown_operator');
    const walk = await Walk.open(line, unit, id);
    await closeShift(line.core, line.caller, line.shiftId, { request_id: requestId() });
    await refuses(openJob(line.core, line.caller, opening(second)), 'shift_not_open');
    await walk.issue();
    await refuses(
      closeShift(line.core, line.caller, line.shiftId, { request_id: requestId() }),
      'shift_not_open',
    );
  });
});
