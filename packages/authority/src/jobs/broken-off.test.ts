/** What a station or the network broke off costs no unit and holds no lane. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import type { FailureCode } from '@imprint/contract/failure-code';
import { openSession } from '../stations/session.ts';
import { endAttempt } from './end-attempt.ts';
import { contract, type Line, openLine, requestId, TestUnit } from './line.test-kit.ts';
import type { StationCaller } from './line-core.ts';
import { openJob } from './open-job.ts';

const ids = ['GW-TA26000001K', 'GW-TA26000002I', 'GW-TA26000003G'];

async function restarted(line: Line): Promise<StationCaller> {
  line.pass(1_000);
  const { stationId } = line.caller;
  const view = await openSession(line.core, stationId, {
    station_version: '0.1.0',
    configuration_sha256: '0'.repeat(64),
    station_time: line.core.clock().toISOString(),
    last_checkpoint: null,
  });
  return { stationId, sessionId: view.session_id };
}

async function failSo(line: Line, unit: TestUnit, failureCode: FailureCode): Promise<number> {
  const { job_id, attempt } = await openJob(line.core, line.caller, unit.openRequest(ids[0]!, line.shiftId));
  const { attempts_left } = await endAttempt(line.core, line.caller, job_id, {
    request_id: requestId(),
    attempt,
    outcome: 'failed',
    step: 'prove',
    failure_code: failureCode,
    reason: 'no answer from the authority',
    durations_ms: {},
  });
  return attempts_left;
}

describe('an attempt that was broken off', () => {
  it('I-29: does not count towards the rework cap where the network was dead', async () => {
    const line = await openLine(ids);
    const unit = new TestUnit('u1');
    const cap = contract.rework.attempts_cap;
    for (let times = 0; times <= cap; times++) {
      assert.equal(await failSo(line, unit, 'authority_unreachable'), cap);
    }
    assert.equal(await failSo(line, unit, 'unit_silent'), cap - 1);
    await line.close();
  });

  it('I-24: holds its lane no longer than until the station that began anew opens a job', async () => {
    const line = await openLine(ids, {}, 1);
    await openJob(line.core, line.caller, new TestUnit('u1').openRequest(ids[0]!, line.shiftId));
    const caller = await restarted(line);
    await openJob(line.core, caller, new TestUnit('u2').openRequest(ids[1]!, line.shiftId));
    const jobs = await line.core.ledger.reader
      .selectFrom('attempt')
      .select(['outcome', 'failure_code'])
      .orderBy('started_at')
      .execute();
    assert.deepEqual(jobs, [
      { outcome: 'failed', failure_code: 'station_failed' },
      { outcome: null, failure_code: null },
    ]);
    await line.close();
  });

  it('I-21: holds its lane as well where the session was opened at a process whose clock is ahead of the others', async () => {
    const line = await openLine(ids, {}, 1);
    line.pass(4_000);
    const caller = await restarted(line);
    line.pass(-4_000);
    await openJob(line.core, caller, new TestUnit('u1').openRequest(ids[0]!, line.shiftId));
    await assert.rejects(
      openJob(line.core, caller, new TestUnit('u2').openRequest(ids[1]!, line.shiftId)),
      (error) => isImprintError(error, 'lane_limit_reached'),
    );
    await line.close();
  });

  it('holds none where it was begun at a process whose clock was ahead', async () => {
    const line = await openLine(ids, {}, 1);
    line.pass(4_000);
    await openJob(line.core, line.caller, new TestUnit('u1').openRequest(ids[0]!, line.shiftId));
    line.pass(-4_000);
    const caller = await restarted(line);
    await openJob(line.core, caller, new TestUnit('u2').openRequest(ids[1]!, line.shiftId));
    await line.close();
  });

  it('I-21: holds its lane as long as the session lasts in which it was begun', async () => {
    const line = await openLine(ids, {}, 1);
    const caller = await restarted(line);
    await openJob(line.core, caller, new TestUnit('u1').openRequest(ids[0]!, line.shiftId));
    await assert.rejects(
      openJob(line.core, caller, new TestUnit('u2').openRequest(ids[1]!, line.shiftId)),
      (error) => isImprintError(error, 'lane_limit_reached'),
    );
    await line.close();
  });
});
