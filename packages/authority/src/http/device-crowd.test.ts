/** Many at once, and some who only take room. */
import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { describe, it } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { entriesOf } from '../jobs/walk.test-kit.ts';
import { connect, openTestDevices } from './devices.test-kit.ts';

const ids = Array.from({ length: 6 }, (_, at) => `GW-${String(at + 1).padStart(4, '0')}`);
const handshakes = { atOnce: 4, atOncePerAddress: 2, waiting: 400, waitMs: 20_000 };

describe('a fleet that boots at once', () => {
  it('is answered, all of it, though few may shake hands at a time and silent ones hold connections', async (t) => {
    const test = await openTestDevices(ids, { handshakes });
    t.after(() => test.close());
    const units = await Promise.all(ids.map((id) => test.unit(id, 'stocked', 'shipped')));
    // more of them than may shake hands, from the first address
    const silent = Array.from({ length: 20 }, () => connectTcp(test.port, '127.0.0.1'));
    // each unit from addresses of its own, four connections each and no more, since that is what a certificate may hold
    const crowd = units.flatMap((unit, at) =>
      Array.from({ length: limits.connectionsPerDevice }, () =>
        connect(test, unit, { localAddress: `127.0.0.${at + 1}` }),
      ),
    );
    const answers = await Promise.all(crowd.map(({ hello }) => hello()));
    assert.deepEqual(
      answers.map(({ status }) => status),
      crowd.map(() => 200),
    );
    const activated = (await entriesOf(test.line, 'device.transitioned')).filter(
      ({ data }) => data.to === 'activated',
    );
    assert.equal(activated.length, ids.length, 'each once, whichever connection was first');
    for (const { agent } of crowd) agent.destroy();
    for (const socket of silent) socket.destroy();
  });

  it('keeps to its connections: the fifth of a certificate is closed', async (t) => {
    const test = await openTestDevices(ids.slice(0, 1));
    t.after(() => test.close());
    const unit = await test.unit(ids[0]!, 'stocked', 'shipped');
    const kept = Array.from({ length: limits.connectionsPerDevice }, () => connect(test, unit));
    for (const { hello } of kept) assert.equal((await hello()).status, 200);
    const fifth = connect(test, unit);
    await assert.rejects(fifth.hello(), /hang up|ECONNRESET|closed/);
    for (const { agent } of [...kept, fifth]) agent.destroy();
  });

  it('one that asks without end is told to wait, and for how long', async (t) => {
    const test = await openTestDevices(ids.slice(0, 1));
    t.after(() => test.close());
    const unit = await test.unit(ids[0]!, 'stocked', 'shipped');
    const { agent, hello } = connect(test, unit);
    for (let at = 0; at < limits.requestsPerDevice; at++) assert.equal((await hello()).status, 200);
    const { status, json, headers } = await hello();
    assert.deepEqual([status, json.code], [429, 'rate_limited']);
    const seconds = Number(headers['retry-after']);
    assert.ok(seconds >= 5 && seconds <= 30, String(seconds));
    test.passMonotonic(1_000);
    assert.equal((await hello()).status, 200);
    agent.destroy();
  });
});
