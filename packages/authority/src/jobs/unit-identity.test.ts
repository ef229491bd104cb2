import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { endAttempt } from './end-attempt.ts';
import { addStation, contract, type Line, openLine, requestId, TestUnit } from './line.test-kit.ts';
import { quarantineJob } from './quarantine.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const lane2 = { where: { lane: 2, carrier: null, position: null } };
const nothing = { device_id: null, public_key_sha256: null, certificate_sha256: null };

let line: Line;
beforeEach(async () => {
  line = await openLine([id, second]);
});
afterEach(() => line.close());

const stands = async (deviceId: string) => {
  const { device, job, unit } = await deviceOf(line, deviceId);
  return [device.state, job?.state, unit?.quarantined];
};

describe('a unit that presents the identity of another', () => {
  const identities: Record<string, (victim: Walk) => Partial<typeof nothing>> = {
    ID: () => ({ device_id: id as never }),
    key: (victim) => ({ public_key_sha256: sha256Hex(victim.unit.spki) as never }),
    certificate: (victim) => ({ certificate_sha256: sha256Hex(victim.der) as never }),
  };
  for (const [what, of] of Object.entries(identities)) {
    test(`is set aside with the other when it holds its ${what}`, async () => {
      const victim = await Walk.open(line, new TestUnit('u1'), id);
      await victim.issue();
      const thief = new TestUnit('u2');
      await refuses(
        Walk.open(line, thief, second, { ...lane2, held: { ...nothing, ...of(victim) } }),
        'unit_conflict',
      );
      assert.deepEqual(await stands(id), ['quarantined', 'quarantined', 1]);
      await refuses(victim.write(), 'job_not_open');
      await refuses(Walk.open(line, thief, second, lane2), 'device_quarantined');
      assert.deepEqual(
        (await entriesOf(line, 'alarm.raised')).map(({ data }) => data.kind),
        ['foreign-identity'],
      );
      assert.equal(await quotaUsed(line), 1);
    });

    test(`leaves the other done where that is finished, and it holds its ${what}`, async () => {
      const victim = await doneUnit(line, new TestUnit('u1'), id);
      await refuses(
        Walk.open(line, new TestUnit('u2'), second, { held: { ...nothing, ...of(victim) } }),
        'unit_conflict',
      );
      assert.deepEqual(await stands(id), ['allocated', 'done', 0]);
    });
  }

  test('loses its own open job as well', async () => {
    await Walk.open(line, new TestUnit('u1'), id);
    const thief = await Walk.open(line, new TestUnit('u2'), second, lane2);
    const held = { ...nothing, device_id: id };
    await refuses(Walk.open(line, thief.unit, second, { ...lane2, held }), 'unit_conflict');
    assert.deepEqual(await stands(second), ['quarantined', 'quarantined', 1]);
    await refuses(thief.issue(), 'job_not_open');
  });

  test('is set aside when one identifier is another unit’s, and the other keeps its parts', async () => {
    const victim = await Walk.open(line, new TestUnit('u1'), id);
    const mixed = victim.unit.hardwareUid.map((part, at) =>
      at === 0 ? part : { ...part, value: 'foreign-1' },
    );
    await refuses(
      Walk.open(line, new TestUnit('u2'), second, { ...lane2, hardware_uid: mixed }),
      'unit_conflict',
    );
    assert.deepEqual(await stands(id), ['allocated', 'opened', 0]);
    await victim.issue();
    await refuses(
      Walk.open(line, new TestUnit('u2'), second, { ...lane2, hardware_uid: mixed }),
      'device_quarantined',
    );
  });

  test('an ID that the unit holds and nobody allocated is the station’s to judge: nobody is set aside for it', async () => {
    await Walk.open(line, new TestUnit('u1'), id, { held: { ...nothing, device_id: 'GW-OLD' } });
    assert.equal((await entriesOf(line, 'unit.quarantined')).length, 0);
  });
});

describe('setting a unit aside', () => {
  const why = { step: 'prove', failure_code: 'unit_swapped' as const, reason: 'two units were mixed up' };
  const setAside = (walk: Walk, change: object = {}, caller = walk.caller) =>
    quarantineJob(line.core, caller, walk.jobId, {
      request_id: requestId(),
      attempt: walk.attempt,
      other_unit: null,
      ...why,
      ...change,
    });

  test('I-24: a swap sets both units aside, with step and reason, and both stay so', async () => {
    const first = await Walk.open(line, new TestUnit('u1'), id);
    const other = await Walk.open(line, new TestUnit('u2'), second, lane2);
    await setAside(first, { other_unit: other.unit.hardwareUid });
    assert.deepEqual(await stands(id), ['quarantined', 'quarantined', 1]);
    assert.deepEqual(await stands(second), ['quarantined', 'quarantined', 1]);
    const { job } = await deviceOf(line, id);
    assert.deepEqual([job?.quarantine_step, job?.reason], ['prove', why.reason]);
    await refuses(first.issue(), 'job_not_open');
    await refuses(Walk.open(line, first.unit, id), 'device_quarantined');
    assert.deepEqual(await setAside(first), { state: 'quarantined' });
    assert.equal((await entriesOf(line, 'job.quarantined')).length, 2);
  });

  test('a finished unit is set aside by no station, be it the job’s or the other one', async () => {
    const done = await doneUnit(line, new TestUnit('u1'), id);
    await refuses(setAside(done), 'device_already_done');
    const next = await Walk.open(line, new TestUnit('u2'), second);
    await setAside(next, { other_unit: done.unit.hardwareUid });
    assert.deepEqual(await stands(id), ['allocated', 'done', 0]);
  });

  test('an unknown other unit is known from then on', async () => {
    const walk = await Walk.open(line, new TestUnit('u1'), id);
    const stranger = new TestUnit('u7');
    await setAside(walk, { other_unit: stranger.hardwareUid });
    await refuses(Walk.open(line, stranger, second), 'device_quarantined');
  });

  test('I-21: a station that may not work on the order sets none of its units aside', async () => {
    const walk = await Walk.open(line, new TestUnit('u1'), id);
    const stranger = await addStation(line.record, line.core, 'st-9', 1);
    await refuses(setAside(walk, {}, stranger), 'not_authorized');
    assert.deepEqual(await stands(id), ['allocated', 'opened', 0]);
  });

  test('works after the lease is over: what is wrong stays wrong', async () => {
    const walk = await Walk.open(line, new TestUnit('u1'), id);
    line.pass(60 * 60_000);
    await setAside(walk);
    assert.deepEqual(await stands(id), ['quarantined', 'quarantined', 1]);
  });
});

describe('ending an attempt', () => {
  const cap = contract.rework.attempts_cap;
  const end = (walk: Walk, change: object = {}) =>
    endAttempt(line.core, walk.caller, walk.jobId, {
      request_id: requestId(),
      attempt: walk.attempt,
      outcome: 'failed',
      step: 'write',
      failure_code: 'write_failed',
      reason: 'the unit did not take it',
      durations_ms: {},
      ...change,
    });

  test('the unit is set aside when it has failed as often as the contract allows', async () => {
    const unit = new TestUnit('u1');
    for (let attempt = 1; attempt < cap; attempt++) {
      const walk = await Walk.open(line, unit, id);
      assert.deepEqual(await end(walk), { state: 'opened', attempts_left: cap - attempt });
    }
    assert.deepEqual(await end(await Walk.open(line, unit, id)), { state: 'quarantined', attempts_left: 0 });
    assert.deepEqual(await stands(id), ['quarantined', 'quarantined', 1]);
    await refuses(Walk.open(line, unit, id), 'device_quarantined');
  });

  test('a failure without a code counts like any other', async () => {
    const unit = new TestUnit('u1');
    for (let attempt = 1; attempt < cap; attempt++) {
      await end(await Walk.open(line, unit, id), { failure_code: null });
    }
    const last = await end(await Walk.open(line, unit, id), { failure_code: null, step: null, reason: null });
    assert.deepEqual(last, { state: 'quarantined', attempts_left: 0 });
  });

  test('I-24: attempts that a station broke off do not count, told or untold', async () => {
    const unit = new TestUnit('u1');
    for (let attempt = 0; attempt < 2 * cap; attempt++) {
      const walk = await Walk.open(line, unit, id);
      if (attempt % 2 === 0) await end(walk, { failure_code: 'station_failed' });
    }
    const walk = await Walk.open(line, unit, id);
    assert.deepEqual(await end(walk), { state: 'opened', attempts_left: cap - 1 });
  });

  test('a report that comes late changes nothing, and one from another station is not even answered', async () => {
    const unit = new TestUnit('u1');
    const first = await Walk.open(line, unit, id);
    const later = await Walk.open(line, unit, id);
    const before = await line.core.ledger.head();
    assert.deepEqual(await end(first), { state: 'opened', attempts_left: cap });
    const stranger = await addStation(line.record, line.core, 'st-2', 1);
    const head = await line.core.ledger.head();
    assert.notDeepEqual(head, before);
    const body = { request_id: requestId(), attempt: 2, outcome: 'failed' as const, step: null };
    const rest = { failure_code: null, reason: null, durations_ms: {} };
    await refuses(endAttempt(line.core, stranger, later.jobId, { ...body, ...rest }), 'unknown_job');
    assert.deepEqual(await line.core.ledger.head(), head);
    await later.issue();
  });

  test('I-29: the same report again is answered again and counted once', async () => {
    const walk = await Walk.open(line, new TestUnit('u1'), id);
    const body = { request_id: requestId() };
    assert.deepEqual(await end(walk, body), await end(walk, body));
    assert.equal((await entriesOf(line, 'attempt.ended')).length, 1);
  });

  test('a visit that is over leaves its lane, and the unit goes on at the next', async () => {
    const unit = new TestUnit('u1');
    const walk = await provenUnit(line, unit, id);
    await end(walk, { outcome: 'passed', step: null, failure_code: null, reason: null });
    await refuses(walk.seal(), 'job_not_open');
    const next = await Walk.open(line, unit, id);
    await next.write();
    await next.prove();
    await next.seal();
    await next.complete();
  });
});

describe('I-21: boards that nobody knows', () => {
  test('one station sets aside a bounded number of them in an hour, then people are told once', async () => {
    await provenUnit(line, new TestUnit('u0'), id);
    const before = (await entriesOf(line, 'unit.quarantined')).length;
    for (let board = 0; board < limits.unknownBoardsAnHour + 5; board++) {
      await refuses(Walk.open(line, new TestUnit(`invented${board}`), id), 'unit_conflict');
    }
    assert.equal((await entriesOf(line, 'unit.quarantined')).length - before, limits.unknownBoardsAnHour);
    const alarms = await line.core.ledger.reader
      .selectFrom('alarm')
      .select('subject')
      .where('kind', '=', 'boards-set-aside')
      .execute();
    assert.deepEqual(alarms, [{ subject: 'st-1' }]);
    line.pass(3_600_000);
    await refuses(Walk.open(line, new TestUnit('later'), id), 'unit_conflict');
    assert.equal((await entriesOf(line, 'unit.quarantined')).length - before, limits.unknownBoardsAnHour + 1);
  });
});
