/** What a listener gives one station, and what it keeps for the others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sessionHeader } from '@imprint/contract/api/station';
import { limits } from '@imprint/contract/limits';
import { openLine, requestId } from '../jobs/line.test-kit.ts';
import { entriesOf } from '../jobs/walk.test-kit.ts';
import type { StationCore } from '../stations/station-core.ts';
import { lineHandlers } from './line-handlers.ts';
import { agentFor, ask, openTestListener } from './listeners.test-kit.ts';

describe('a station that asks without end', () => {
  it('I-21: is refused past its pace, and another one is not', async () => {
    const served = await openTestListener();
    // time stands still, so that nothing is earned back meanwhile
    served.setNow(new Date());
    const [thief, honest] = [await served.enrol('st-1'), await served.enrol('st-2')];
    const close = (agent: ReturnType<typeof agentFor>) =>
      ask(served, agent, {
        path: '/station/v1/shifts/s-1/close',
        body: JSON.stringify({ request_id: requestId() }),
        headers: { [sessionHeader]: 'w-1' },
      });
    const agents = { thief: agentFor(served, thief), honest: agentFor(served, honest) };
    const statuses = new Map<number, number>();
    for (let asked = 0; asked < limits.requestsPerLane + 5; asked++) {
      const { status } = await close(agents.thief);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(statuses), { 200: limits.requestsPerLane, 429: 5 });
    assert.equal((await close(agents.honest)).status, 200);
    assert.deepEqual([...new Set(served.alarms)], ['st-1 asks-too-fast']);
    for (const agent of Object.values(agents)) agent.destroy();
    await served.close();
  });

  it('I-21: pays for each unit of a request that is about many', async () => {
    const served = await openTestListener();
    served.setNow(new Date());
    served.answers.issueCredentials = () => ({ chain_pem: '', outcomes: [] });
    const agent = agentFor(served, await served.enrol('st-1'));
    const units = Array.from({ length: limits.unitsPerRequest }, () => ({
      job_id: 'j-1',
      request_id: requestId(),
      attempt: 1,
      csr_b64: 'AAAA',
    }));
    const askMany = () =>
      ask(served, agent, {
        path: '/station/v1/credentials',
        body: JSON.stringify({ units }),
        headers: { [sessionHeader]: 'w-1' },
      });
    for (let left = limits.requestsPerLane; left >= units.length; left -= units.length) {
      assert.equal((await askMany()).status, 200);
    }
    assert.equal((await askMany()).status, 429);
    agent.destroy();
    await served.close();
  });

  it('I-21: guesses some badges and no more, also when it asks for all at once', async () => {
    const line = await openLine(['GW-TA26000001K']);
    const { openShift } = lineHandlers(line.core, {} as StationCore, assert.ifError);
    const guess = (badge: string) =>
      openShift({ request_id: requestId(), badge }, line.caller, {}).catch(({ code }) => code as string);
    const codes = await Promise.all(Array.from({ length: 50 }, (_, at) => guess(String(4000 + at))));
    assert.equal(codes.filter((code) => code === 'unknown_operator').length, limits.wrongBadges);
    assert.equal(codes.filter((code) => code === 'rate_limited').length, 50 - limits.wrongBadges);
    line.pass(60_000);
    assert.equal(await guess('5000'), 'unknown_operator');
    await line.close();
  });

  it('I-21: is named in the log for its guesses, once an hour and whichever process refuses it', async () => {
    const line = await openLine(['GW-TA26000001K']);
    const guess = async ({ openShift }: ReturnType<typeof lineHandlers>) => {
      const tries = Array.from({ length: limits.wrongBadges + 5 }, (_, at) =>
        openShift({ request_id: requestId(), badge: String(4000 + at) }, line.caller, {}).catch(
          () => undefined,
        ),
      );
      await Promise.all(tries);
    };
    const alarms = async () => (await entriesOf(line, 'alarm.raised')).map(({ data }) => data);
    const process = lineHandlers(line.core, {} as StationCore, assert.ifError);
    await guess(process);
    await guess(process);
    await guess(lineHandlers(line.core, {} as StationCore, assert.ifError));
    const [alarm, ...more] = await alarms();
    assert.deepEqual([alarm?.kind, alarm?.subject, more.length], ['guesses-badges', 'st-1', 0]);
    line.pass(3_600_000);
    await guess(process);
    assert.equal((await alarms()).length, 2);
    await line.close();
  });
});
