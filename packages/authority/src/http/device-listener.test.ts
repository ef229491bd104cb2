/** Real TLS on loopback, real certificates from a real line: who passes the door for devices, and who does not. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { deviceOf, entriesOf } from '../jobs/walk.test-kit.ts';
import { makeTestRealm, opensslVerify } from '../trust/hierarchy.test-kit.ts';
import {
  connect,
  type FieldUnit,
  moveTo,
  openTestDevices,
  report,
  type TestDevices,
} from './devices.test-kit.ts';
import { agentFor, makeStation } from './listeners.test-kit.ts';

const ids = Array.from({ length: 12 }, (_, at) => `GW-${String(at + 1).padStart(4, '0')}`);
let test: TestDevices;
before(async () => {
  test = await openTestDevices(ids);
});
after(() => test.close());

describe('the listener for devices', () => {
  it('I-14: a shipped unit is activated by its first contact, by itself, and hears when to come again', async () => {
    const unit = await test.unit(ids[0]!, 'stocked', 'shipped');
    const { agent, hello } = connect(test, unit);
    const { status, json } = await hello();
    assert.equal(status, 200, JSON.stringify(json));
    const { device_id, state, realm, next_contact_seconds } = json as Record<string, unknown>;
    assert.deepEqual([device_id, state, realm], [ids[0], 'activated', 'dev']);
    assert.ok((next_contact_seconds as number) >= 2_700 && (next_contact_seconds as number) <= 4_500);
    const [move] = (await entriesOf(test.line, 'device.transitioned')).filter(
      ({ data }) => data.to === 'activated',
    );
    assert.deepEqual(move!.actor, { kind: 'device', id: ids[0] });
    assert.equal((await deviceOf(test.line, ids[0]!)).device.state, 'activated');
    const { size } = await test.line.core.ledger.head();
    assert.equal((await hello()).status, 200);
    assert.equal((await test.line.core.ledger.head()).size, size, 'the same again writes nothing');
    agent.destroy();
  });

  for (const [at, state] of (['manufactured', 'stocked'] as const).entries()) {
    it(`I-14: a ${state} unit is refused, though its certificate is right`, async () => {
      const unit = await test.unit(ids[at + 1]!, ...(state === 'stocked' ? (['stocked'] as const) : []));
      const { agent, hello } = connect(test, unit);
      const { status, json } = await hello();
      assert.deepEqual([status, json.code], [403, 'device_not_shipped']);
      agent.destroy();
    });
  }

  it('I-11: a unit that is quarantined, returned or retired meanwhile is refused at the next request of its connection', async () => {
    for (const [at, to] of (['quarantined', 'returned', 'retired'] as const).entries()) {
      const id = ids[at + 3]!;
      const unit = await test.unit(id, 'stocked', 'shipped');
      const { agent, hello } = connect(test, unit);
      const first = await hello();
      assert.equal(first.status, 200);
      await moveTo(test.line, id, to);
      const then = await hello();
      assert.deepEqual([then.status, then.json.code], [403, 'device_barred']);
      assert.equal(then.socket, first.socket, 'it is the same connection');
      agent.destroy();
    }
  });

  it('I-11: a revoked certificate is refused at the next request of its connection', async () => {
    const unit = await test.unit(ids[6]!, 'stocked', 'shipped');
    const { agent, hello } = connect(test, unit);
    assert.equal((await hello()).status, 200);
    const { credentials } = await deviceOf(test.line, ids[6]!);
    const { credential_id, serial } = credentials[0]!;
    await test.line.record({
      type: 'credential.revoked',
      actor: { kind: 'person', id: 'lead' },
      data: { credential_id, serial, reason: 'key-compromise' },
    });
    const { status, json } = await hello();
    assert.deepEqual([status, json.code], [403, 'credential_revoked']);
    agent.destroy();
  });

  it('TLS 1.2 and 1.3 are spoken, and a session that is taken up again is judged like any other', async () => {
    const unit = await test.unit(ids[7]!, 'stocked', 'shipped');
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const one = connect(test, unit, { maxVersion });
      const first = await one.hello();
      assert.deepEqual([first.status, first.socket.getProtocol()], [200, maxVersion]);
      first.socket.destroy();
      const again = await one.hello();
      assert.deepEqual([again.status, again.socket.isSessionReused()], [200, true]);
      one.agent.destroy();
    }
  });

  it('I-20: who shows nothing, a certificate of another realm, a station or a key of their own is nobody here', async () => {
    const other = await makeTestRealm('dev', new Date(Date.now() - 86_400_000));
    const station = await makeStation(other, ids[0]!, new Date());
    const strangers: (Pick<FieldUnit, 'key' | 'certificate' | 'chainPem'> | undefined)[] = [
      undefined,
      { ...station, chainPem: '' },
    ];
    for (const stranger of strangers) {
      const { agent, hello, ask } = connect(test, stranger);
      for (const answer of [await hello(), await ask('/v1/nothing')]) {
        assert.deepEqual([answer.status, answer.json.code], [401, 'not_authenticated']);
        assert.match(answer.type ?? '', /problem\+json/);
      }
      agent.destroy();
    }
  });

  it('its server certificate leads to the root that devices pin, and stands in the log before it is used', async () => {
    const [intended] = await entriesOf(test.line, 'server.intended');
    const [certified] = await entriesOf(test.line, 'server.certified');
    assert.equal(certified!.data.serial, intended!.data.serial);
    const [leaf, ca] = fromPem('CERTIFICATE', test.identity.certificateChainPem, 4);
    assert.equal(sha256Hex(leaf!), certified!.data.certificate_sha256);
    const { root } = test.line.hierarchy.certificates;
    assert.equal(opensslVerify([leaf!, ca!], root, 'sslserver', new Date()), '');
    assert.notEqual(opensslVerify([leaf!, ca!], root, 'sslclient', new Date()), '');
    const chain = { chain: [leaf!, ca!], root, at: new Date(), realm: 'dev' } as const;
    const { dnsNames, ipAddresses } = verifyChain({ ...chain, purpose: 'device-server' });
    assert.deepEqual(dnsNames, ['localhost', 'devices.example.com']);
    assert.equal(ipAddresses.length, 2);
    // it is no device's, and none of the listener for stations
    for (const purpose of ['device', 'server'] as const) {
      assert.throws(() => verifyChain({ ...chain, purpose }));
    }
    const stationsRoot = agentFor({ realm: { hierarchy: test.line.hierarchy } as never });
    const wrong = connect(test);
    wrong.agent.options.ca = stationsRoot.options.ca;
    await assert.rejects(wrong.hello(), /unable to get local issuer|self-signed|unable to verify/);
    wrong.agent.destroy();
    stationsRoot.destroy();
  });

  it('what a device says of itself is in its record and history, once for each change', async () => {
    const unit = await test.unit(ids[9]!, 'stocked', 'shipped');
    const { agent, ask } = connect(test, unit);
    const newer = { ...report.firmware, build_id: 'fw-10', rollback_counter: 10 };
    for (const body of [
      report,
      report,
      { firmware: newer, configuration: { version: 2 } },
      { firmware: newer, configuration: { version: 2 } },
    ]) {
      assert.equal((await ask('/v1/device/heartbeat', body)).status, 200);
    }
    const said = (await entriesOf(test.line, 'device.reported')).filter(
      ({ data }) => data.device_id === ids[9],
    );
    assert.deepEqual(
      said.map(({ data }) => [data.firmware.build_id, data.configuration]),
      [
        ['fw-9', null],
        ['fw-10', { version: 2 }],
      ],
    );
    assert.equal((await deviceOf(test.line, ids[9]!)).device.last_seen_firmware, 'fw-10');
    agent.destroy();
  });

  it('a device that says something else each time fills no log', async () => {
    const unit = await test.unit(ids[10]!, 'stocked', 'shipped');
    const { agent, hello } = connect(test, unit);
    const statuses: number[] = [];
    for (let at = 0; at < 9; at++) {
      const { status, headers } = await hello({ configuration: { version: at + 1 } });
      statuses.push(status);
      if (status === 429) assert.match(headers['retry-after'] ?? '', /^\d+$/);
    }
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200, 429, 429, 429]);
    agent.destroy();
  });

  it('a body that is no report, too large or no JSON is refused as such', async () => {
    const unit = await test.unit(ids[11]!, 'stocked', 'shipped');
    const { agent, ask } = connect(test, unit);
    assert.equal((await ask('/v1/device/hello', { firmware: 'x' })).status, 400);
    assert.equal((await ask('/v1/device/hello', { ...report, extra: 1 })).status, 400);
    assert.equal((await ask('/v1/device/hello', 'x'.repeat(20_000))).status, 413);
    agent.destroy();
  });

  it('the CA of a unit may be retired: the unit passes, also when it shows its leaf alone', async () => {
    const unit = await test.unit(ids[8]!, 'stocked', 'shipped');
    await test.line.record({
      type: 'ca.retired',
      actor: { kind: 'person', id: 'lead' },
      data: { ca_id: 'device-issuing', reason: 'its year is over' },
    });
    const { agent, hello } = connect(test, { ...unit, chainPem: '' });
    assert.equal((await hello()).status, 200);
    agent.destroy();
  });
});
