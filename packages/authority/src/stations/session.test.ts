import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Line, openLine, requestId, TestUnit } from '../jobs/line.test-kit.ts';
import { presentedKey } from '../jobs/presented-key.ts';
import { openShift } from '../jobs/shifts.ts';
import { entriesOf, refuses, Walk } from '../jobs/walk.test-kit.ts';
import { revokeStation } from './enrolment.ts';
import { openSession } from './session.ts';

const person = { kind: 'person', id: 'tester' } as const;

describe('a session', () => {
  let line: Line;
  beforeEach(async () => {
    line = await openLine(['GW-T100']);
  });
  afterEach(() => line.close());

  const open = (change: object = {}, stationId = 'st-1') =>
    openSession(line.core, stationId, {
      station_version: '0.1.0',
      configuration_sha256: '0'.repeat(64),
      station_time: '1970-01-01T00:00:00.000Z',
      last_checkpoint: null,
      ...change,
    });
  const alarms = async () =>
    (await entriesOf(line, 'alarm.raised')).map(({ data }) => [data.kind, data.subject]);

  test('that was overtaken is refused on every route, and one alarm is raised', async () => {
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-T100');
    line.pass(1);
    const { session_id } = await open();
    for (let times = 0; times < 3; times++) {
      await refuses(walk.issue(), 'station_session_taken');
      await refuses(walk.write(), 'station_session_taken');
      await refuses(
        openShift(line.core, line.caller, { request_id: requestId(), badge: 'OP-1' }),
        'station_session_taken',
      );
    }
    assert.deepEqual(await alarms(), [['second-station-session', 'st-1']]);
    await line.issuing.issue({ stationId: 'st-1', sessionId: session_id }, walk.jobId, {
      request_id: requestId(),
      attempt: walk.attempt,
      key: presentedKey(walk.unit.csr()),
    });
  });

  test('that was overtaken raises the alarm when issuing is the first thing that it asks for', async () => {
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-T100');
    line.pass(1);
    await open();
    await Promise.all([1, 2, 3].map(() => refuses(walk.issue(), 'station_session_taken')));
    assert.equal((await alarms()).length, 1);
    assert.equal((await entriesOf(line, 'credential.intended')).length, 0);
  });

  test('a thief who makes up session IDs cannot fill the log with alarms', async () => {
    for (let times = 0; times < 20; times++) {
      const caller = { stationId: 'st-1', sessionId: `w-made-up-${times}` };
      await refuses(
        openShift(line.core, caller, { request_id: requestId(), badge: 'OP-1' }),
        'station_session_taken',
      );
    }
    assert.equal((await alarms()).length, 1);
  });

  test('each session that was overtaken anew raises an alarm anew', async () => {
    for (let times = 1; times <= 3; times++) {
      line.pass(1_000);
      await open();
      await refuses(
        openShift(line.core, line.caller, { request_id: requestId(), badge: 'OP-1' }),
        'station_session_taken',
      );
      assert.equal((await alarms()).length, times);
    }
  });

  test('a station without any session is asked to open one, and no alarm is raised', async () => {
    await line.core.ledger.submit(async () => ({
      entries: [],
      remember: async (tx) => {
        await tx.deleteFrom('station_session').execute();
      },
      reply: () => undefined,
    }));
    await refuses(Walk.open(line, new TestUnit('u1'), 'GW-T100'), 'not_authenticated', /no session/);
    assert.deepEqual(await alarms(), []);
  });

  test('I-11: is refused to a station that is unknown, revoked, expired or too old', async () => {
    await refuses(open({}, 'st-none'), 'not_authenticated');
    await refuses(open({ station_version: '0.0.9' }), 'station_outdated');
    await open({ station_version: '0.10.0' });
    await revokeStation(line.core as never, person, 'st-1', 'stolen');
    await refuses(open(), 'station_revoked');
    const late = await openLine(['GW-T1']);
    late.pass(60 * 86_400_000);
    const request = {
      station_version: '0.1.0',
      configuration_sha256: '0'.repeat(64),
      station_time: '2026-01-01T00:00:00.000Z',
    };
    await refuses(openSession(late.core, 'st-1', { ...request, last_checkpoint: null }), 'not_authenticated');
    await late.close();
  });

  test('I-16: proves that the log goes on from the checkpoint that the station saw; a foreign one is refused', async () => {
    const first = await open();
    await Walk.open(
      line,
      new TestUnit('u1'),
      'GW-T100',
      {},
      { stationId: 'st-1', sessionId: first.session_id },
    );
    const again = await open({ last_checkpoint: first.checkpoint });
    assert.ok(again.consistency_proof.length > 0);
    const other = await openLine(['GW-T1']);
    await refuses(
      openSession(other.core, 'st-1', {
        station_version: '0.1.0',
        configuration_sha256: '0'.repeat(64),
        station_time: '2026-01-01T00:00:00.000Z',
        last_checkpoint: first.checkpoint,
      }),
      'checkpoint_invalid',
    );
    await other.close();
  });

  test('I-30: tells the authority’s time and takes none of the station’s', async () => {
    const view = await open({ station_time: '2099-01-01T00:00:00.000Z' });
    assert.equal(view.server_time, line.core.clock().toISOString());
  });

  test('shows only the orders that the station may work on', async () => {
    const view = await open();
    assert.deepEqual(
      view.orders.map(({ order_id }) => order_id),
      ['order-1'],
    );
    const closed = await openLine(['GW-T1'], { stations: ['st-9'] });
    const request = {
      station_version: '0.1.0',
      configuration_sha256: '0'.repeat(64),
      station_time: '2026-01-01T00:00:00.000Z',
    };
    assert.deepEqual(
      (await openSession(closed.core, 'st-1', { ...request, last_checkpoint: null })).orders,
      [],
    );
    await closed.close();
  });
});
