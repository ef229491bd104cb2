/** A key that two use, and a key that moved: real connections from two addresses of this machine. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deviceOf, entriesOf } from '../jobs/walk.test-kit.ts';
import { connect, type FieldUnit, openTestDevices, type TestDevices } from './devices.test-kit.ts';

const quarantining = (contract: string) =>
  contract.replace(/^revocation:/m, 'clone:\n  two_places: quarantine\nrevocation:');

/** The unit and its copy ask in turns; what each was answered. */
async function inTurns(test: TestDevices, unit: FieldUnit): Promise<(string | undefined)[]> {
  const owner = connect(test, unit, { localAddress: '127.0.0.1' });
  const thief = connect(test, unit, { localAddress: '127.0.9.1' });
  const answers: (string | undefined)[] = [];
  for (const one of [owner, thief, owner, thief, owner, thief]) {
    const { status, json } = await one.hello();
    answers.push(json.code ?? String(status));
  }
  for (const { agent } of [owner, thief]) agent.destroy();
  return answers;
}

describe('a key in two hands', () => {
  it('is refused and told of once, and the unit goes on where its contract says no more', async (t) => {
    const test = await openTestDevices(['GW-0001']);
    t.after(() => test.close());
    const unit = await test.unit('GW-0001', 'stocked', 'shipped');
    assert.deepEqual(await inTurns(test, unit), [
      ...['200', '200', '200'],
      ...['clone_suspected', 'clone_suspected', 'clone_suspected'],
    ]);
    const suspected = await entriesOf(test.line, 'device.clone-suspected');
    assert.deepEqual(
      suspected.map(({ data }) => [data.device_id, data.evidence]),
      [['GW-0001', 'two-places']],
    );
    const alarms = await entriesOf(test.line, 'alarm.raised');
    assert.deepEqual(
      alarms.map(({ data }) => [data.kind, data.subject]),
      [['device-clone', 'GW-0001']],
    );
    assert.equal((await deviceOf(test.line, 'GW-0001')).device.state, 'activated');
    const alone = connect(test, unit);
    test.passMonotonic(61_000);
    assert.equal((await alone.hello()).status, 200);
    alone.agent.destroy();
  });

  it('is barred, both of them, where the contract quarantines', async (t) => {
    const test = await openTestDevices(['GW-0001'], {}, quarantining);
    t.after(() => test.close());
    const unit = await test.unit('GW-0001', 'stocked', 'shipped');
    assert.deepEqual(await inTurns(test, unit), [
      ...['200', '200', '200'],
      ...['clone_suspected', 'device_barred', 'device_barred'],
    ]);
    const { device, unit: board } = await deviceOf(test.line, 'GW-0001');
    assert.deepEqual([device.state, board?.quarantined], ['quarantined', 1]);
  });

  it('that runs on another board says so itself, and is quarantined', async (t) => {
    const test = await openTestDevices(['GW-0001']);
    t.after(() => test.close());
    const unit = await test.unit('GW-0001', 'stocked', 'shipped');
    const { agent, hello } = connect(test, unit);
    assert.equal((await hello({ hardware_uid: unit.hardwareUid })).status, 200);
    const elsewhere = unit.hardwareUid.map(({ kind }) => ({ kind, value: 'another' }));
    const { status, json } = await hello({ hardware_uid: elsewhere });
    assert.deepEqual([status, json.code], [403, 'clone_suspected']);
    assert.equal((await hello()).json.code, 'device_barred');
    const [entry] = await entriesOf(test.line, 'device.clone-suspected');
    assert.equal(entry!.data.evidence, 'other-hardware');
    agent.destroy();
  });
});

describe('who was turned away', () => {
  it('is counted with reason and address, and stands in the log once a day, whoever asks how often', async (t) => {
    const test = await openTestDevices(['GW-0001', 'GW-0002']);
    t.after(() => test.close());
    const units = [await test.unit('GW-0001'), await test.unit('GW-0002')];
    const ask = async (times: number) => {
      for (const unit of units) {
        const { agent, hello } = connect(test, unit);
        for (let at = 0; at < times; at++) assert.equal((await hello()).status, 403);
        agent.destroy();
      }
    };
    const writeDown = () => test.decisions.writeContacts(test.contacts.take());
    await ask(5);
    await writeDown();
    await ask(3);
    await writeDown();
    const rows = await test.line.core.ledger.reader.selectFrom('device_refusal').selectAll().execute();
    assert.deepEqual(
      rows.map(({ device_id, kind, count, address }) => [device_id, kind, count, address]),
      [
        ['GW-0001', 'not-shipped', 8, '127.0.0.1'],
        ['GW-0002', 'not-shipped', 8, '127.0.0.1'],
      ],
    );
    assert.equal((await entriesOf(test.line, 'device.refused')).length, 2);
    test.line.pass(25 * 3_600_000);
    await ask(1);
    await writeDown();
    assert.equal((await entriesOf(test.line, 'device.refused')).length, 4);
  });

  it('fills no log, though each be another device', async (t) => {
    const test = await openTestDevices(['GW-0001']);
    t.after(() => test.close());
    const at = test.line.core.clock().toISOString();
    // the log must know them: a row of history needs no device
    for (let round = 0; round < 2; round++) {
      for (let which = 0; which < 200; which++) {
        test.contacts.refused(
          { deviceId: `D-${round}-${which}`, kind: 'barred', certificateSha256: 'a'.repeat(64), address: '' },
          at,
        );
      }
      await test.decisions.writeContacts(test.contacts.take());
    }
    assert.equal((await entriesOf(test.line, 'device.refused')).length, 120);
  });

  it('and is nobody here is an alarm, once a day', async (t) => {
    const test = await openTestDevices(['GW-0001']);
    t.after(() => test.close());
    const at = test.line.core.clock().toISOString();
    for (let round = 0; round < 3; round++) {
      test.contacts.refused(
        {
          deviceId: undefined,
          kind: 'unknown-certificate',
          certificateSha256: 'b'.repeat(64),
          address: '192.0.2.1',
        },
        at,
      );
      await test.decisions.writeContacts(test.contacts.take());
    }
    const alarms = await entriesOf(test.line, 'alarm.raised');
    assert.deepEqual(
      alarms.map(({ data }) => data.kind),
      ['unknown-devices'],
    );
    const { count } = await test.line.core.ledger.reader
      .selectFrom('device_refusal')
      .selectAll()
      .executeTakeFirstOrThrow();
    assert.equal(count, 3);
  });
});
