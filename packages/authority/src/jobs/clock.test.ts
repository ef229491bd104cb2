import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptClock, haltForClock } from '../clock/clock-guard.ts';
import { openLine, requestId, TestUnit } from './line.test-kit.ts';
import { openJob } from './open-job.ts';
import { presentedKey } from './presented-key.ts';

const deviceId = 'GW-M1260000017';
const person = { kind: 'person', id: 'officer' } as const;
const hour = 3_600_000;

async function lineWithJob() {
  const line = await openLine([deviceId]);
  const unit = new TestUnit('u1');
  const { job_id, attempt } = await openJob(line.core, line.caller, unit.openRequest(deviceId, line.shiftId));
  const issue = () =>
    line.issuing.issue(line.caller, job_id, {
      request_id: requestId(),
      attempt,
      key: presentedKey(unit.csr()),
    });
  const issued = async () =>
    (await line.core.ledger.reader.selectFrom('credential').select('serial').execute()).length;
  return { line, issue, issued };
}

describe('I-8: a clock that cannot be trusted', () => {
  it('halts issuing when it jumps ahead, and no intent is recorded', async () => {
    const { line, issue, issued } = await lineWithJob();
    line.jump(2 * 60_000);
    await assert.rejects(issue(), { code: 'clock_untrusted' });
    assert.equal(await issued(), 0);
    await line.close();
  });

  it('halts issuing and everything that is written when it goes back behind the log', async () => {
    const { line, issue, issued } = await lineWithJob();
    line.jump(-hour);
    await assert.rejects(issue(), { code: 'clock_untrusted' });
    assert.equal(await issued(), 0);
    await line.close();
  });

  it('writes nothing under a clock that jumped ahead, and raises its alarm at the time of the last entry', async () => {
    const { line, issued } = await lineWithJob();
    const { ledger } = line.core;
    const before = await ledger.reader.selectFrom('log_head').select('last_at').executeTakeFirstOrThrow();
    line.jump(365 * 24 * hour);
    await assert.rejects(
      ledger.submit(async () => ({
        entries: [{ type: 'operator.registered', actor: person, data: { operator_id: 'op-2' } }],
        reply: () => undefined,
      })),
      { code: 'clock_untrusted' },
    );
    await haltForClock(ledger, 'process-1', { verdict: 'wrong', subject: 'monotonic', detail: 'it jumped' });
    const alarm = await ledger.reader
      .selectFrom('alarm')
      .select('raised_at')
      .where('kind', '=', 'clock')
      .executeTakeFirstOrThrow();
    assert.equal(alarm.raised_at, before.last_at);
    await assert.rejects(acceptClock(ledger, person, 'it is not'), { code: 'clock_untrusted' });
    line.jump(-365 * 24 * hour);
    await acceptClock(ledger, person, 'time was set');
    assert.equal(await issued(), 0);
    await line.close();
  });

  it('a log that a clock ahead has written goes on from the time that a person accepts', async () => {
    const { line, issue } = await lineWithJob();
    const { ledger, clock } = line.core;
    line.pass(hour);
    await ledger.submit(
      async () => ({
        entries: [{ type: 'operator.registered', actor: person, data: { operator_id: 'op-2' } }],
        reply: () => undefined,
      }),
      'accepted',
    );
    line.pass(-hour);
    await assert.rejects(issue(), { code: 'clock_untrusted' });
    await acceptClock(ledger, person, 'the clock was an hour ahead');
    const { last_at } = await ledger.reader
      .selectFrom('log_head')
      .select('last_at')
      .executeTakeFirstOrThrow();
    assert.equal(last_at, clock().toISOString());
    await issue();
    await line.close();
  });

  it('stays halted for every process after an alarm, until a person accepts the clock', async () => {
    const { line, issue } = await lineWithJob();
    const { ledger } = line.core;
    const wrong = {
      verdict: 'wrong',
      subject: 'source',
      detail: 'the clock is 3600 s ahead of time.example',
    } as const;
    await haltForClock(ledger, 'process-2', wrong);
    await haltForClock(ledger, 'process-3', wrong);
    const alarms = await ledger.reader
      .selectFrom('alarm')
      .select('detail')
      .where('kind', '=', 'clock')
      .execute();
    assert.deepEqual(alarms, [{ detail: wrong.detail }]);
    await assert.rejects(issue(), { code: 'clock_untrusted' });
    await acceptClock(ledger, person, 'time was set');
    await issue();
    await assert.rejects(acceptClock(ledger, person, 'again'), { code: 'bad_request' });
    await line.close();
  });
});
