/** A device and the authority's EST, each the real one: enrolled, renewed, certified anew, and after any power cut with old or new credentials. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { declareCompromised } from '@imprint/authority/compromise/declare';
import { awaitedBy, planOf } from '@imprint/authority/compromise/plan';
import { revokeIssued } from '@imprint/authority/compromise/revoke-issued';
import { openTestDevices, type TestDevices } from '@imprint/authority/http/devices.test-kit';
import { estRoutes } from '@imprint/authority/http/est-route';
import { revokeCredential } from '@imprint/authority/jobs/revoke-credential';
import { deviceOf } from '@imprint/authority/jobs/walk.test-kit';
import { idsOf } from '@imprint/authority/lifecycle/lifecycle.test-kit';
import { addCa } from '@imprint/authority/trust/cas.test-kit';
import { isImprintError } from '@imprint/contract/errors';
import { Device } from '@imprint/device/device';
import { readState } from '@imprint/device/device-state';
import { fieldDevice } from './field-device.test-kit.ts';
import { powerCuts } from './power-cuts.test-kit.ts';

const dayMs = 86_400_000;
const operational = { operational: 'ec-p256' as const };

describe('a device gets its certificates', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-enrolment-'));
  const ids = idsOf(5) as [string, string, string, string, string];
  let devices: TestDevices;
  before(async () => {
    const shortLived = (contract: string) =>
      contract
        .replace('validity_days: 90', 'validity_days: 8')
        .replace('successor_days: 14', 'successor_days: 1');
    devices = await openTestDevices([...ids], (core) => ({ mount: estRoutes(core) }), shortLived, 6.5);
  });
  after(async () => {
    await devices.close();
    rmSync(folder, { recursive: true });
  });
  const credentials = async (id: string) =>
    (await deviceOf(devices.line, id)).credentials.map(
      ({ profile, status, revocation_reason }) =>
        `${profile} ${status}${revocation_reason ? ` ${revocation_reason}` : ''}`,
    );

  test('an operational one at its first contact, which it shows from then on, and another at two thirds of its life', async () => {
    const unit = await devices.unit(ids[0], 'stocked', 'shipped');
    const { device, options } = await fieldDevice(devices, unit, join(folder, 'one'), operational);
    assert.deepEqual((await device.contact()).did, ['hello', 'enrolled']);
    assert.deepEqual((await device.contact()).did, ['heartbeat']);
    assert.deepEqual(await credentials(ids[0]), ['idevid active', 'ldevid active']);
    const first = (await readState(options.store)).ldevid!;
    devices.line.pass(5.4 * dayMs);
    const renewed = await device.contact();
    assert.deepEqual(renewed.did, ['heartbeat', 'renewed']);
    const second = await readState(options.store);
    assert.notEqual(second.ldevid!.key, first.key);
    assert.deepEqual(second.former!.credential, first);
    assert.deepEqual(await credentials(ids[0]), ['idevid active', 'ldevid superseded', 'ldevid active']);
    await device.contact();
    assert.deepEqual(await credentials(ids[0]), [
      'idevid active',
      'ldevid revoked superseded',
      'ldevid active',
    ]);
    const { former } = await readState(options.store);
    assert.equal(former, null);
    assert.equal((await options.slot.handles()).length, 2, 'the spent key is gone');
  });

  test('a power cut at any write of an enrolment leaves a device that goes on with old or new credentials', async () => {
    const unit = await devices.unit(ids[1], 'stocked', 'shipped');
    const { options } = await fieldDevice(devices, unit, join(folder, 'two'), operational);
    const cuts = powerCuts(options);
    for (let at = 1; ; at++) {
      const isCut = await cuts.contactCutAt(at);
      const state = await readState(options.store);
      assert.ok(state.idevid !== null, 'never none');
      for (const one of [state.idevid, state.ldevid, state.former?.credential]) {
        if (one) await options.slot.open(one.key);
      }
      if (!isCut) break;
    }
    assert.ok(cuts.count >= 3, `${cuts.count} cuts`);
    const { did } = await new Device(options).contact();
    assert.deepEqual(did, ['hello']);
    const live = (await credentials(ids[1])).filter((text) => / active$/.test(text));
    assert.deepEqual(live, ['idevid active', 'ldevid active']);
    assert.equal((await options.slot.handles()).length, 2);
  });

  test('whose operational certificate was revoked goes on with its birth certificate, and its record names no key that is gone', async () => {
    const unit = await devices.unit(ids[4], 'stocked', 'shipped');
    const { device, options } = await fieldDevice(devices, unit, join(folder, 'five'), operational);
    await device.contact();
    const { credentials: all } = await deviceOf(devices.line, ids[4]);
    const { serial } = all.find(({ profile }) => profile === 'ldevid')!;
    const by = { kind: 'person', id: 'officer' } as const;
    await revokeCredential(devices.line.core.ledger, by, { serial }, 'key-compromise');
    const plain = () => new Device({ ...options, operational: null });
    assert.deepEqual((await plain().contact()).did, ['hello']);
    const { idevid, ldevid } = await readState(options.store);
    assert.equal(ldevid, null);
    assert.deepEqual(await options.slot.handles(), [idevid!.key]);
    assert.deepEqual((await plain().contact()).did, ['hello']);
  });

  test('after the key of its CA was stolen it is certified anew for the key that it has, and goes on; a stranger’s key gets nothing', async () => {
    const unit = await devices.unit(ids[2], 'stocked', 'shipped');
    const { device, options } = await fieldDevice(devices, unit, join(folder, 'three'), operational);
    await device.contact();
    const before = await readState(options.store);
    devices.line.pass(60_000);
    const { core } = devices.line;
    const by = { kind: 'person', id: 'officer' } as const;
    const since = core.clock().toISOString();
    const ca = await declareCompromised(core.ledger, by, { caId: 'device-issuing', since, reason: 'stolen' });
    await addCa(devices.line, 'device-issuing-2');
    const plan = await planOf(core.ledger.reader, ca, since);
    await revokeIssued(core.ledger, { by, ca, plan, contracts: core.contracts });

    assert.equal(await awaitedBy(core.ledger.reader, ca), 4);
    const { did } = await device.contact();
    assert.deepEqual(did, ['heartbeat', 'enrolled']);
    assert.equal(await awaitedBy(core.ledger.reader, ca), 3);
    const state = await readState(options.store);
    assert.equal(state.idevid!.key, before.idevid!.key);
    assert.notDeepEqual(state.idevid!.chain_b64, before.idevid!.chain_b64);
    assert.notEqual(state.ldevid!.key, before.ldevid!.key);
    assert.deepEqual((await device.contact()).did, ['heartbeat']);
    assert.deepEqual((await credentials(ids[2])).sort(), [
      'idevid active',
      'idevid revoked ca-compromise',
      'ldevid active',
      'ldevid revoked ca-compromise',
    ]);
  });

  test('a unit that left after the key was stolen is not certified anew', async () => {
    const { line } = devices;
    const { core } = line;
    const unit = await devices.unit(ids[3], 'stocked', 'shipped');
    const { device } = await fieldDevice(devices, unit, join(folder, 'four'));
    const by = { kind: 'person', id: 'officer' } as const;
    const since = new Date(core.clock().getTime() - dayMs).toISOString();
    const ca = await declareCompromised(core.ledger, by, { caId: 'device-issuing-2', since, reason: 'too' });
    const plan = await planOf(core.ledger.reader, ca, since);
    await revokeIssued(core.ledger, { by, ca, plan, contracts: core.contracts });
    await assert.rejects(device.contact(), (error) =>
      isImprintError(error, 'device_barred', 'credential_revoked'),
    );
  });
});
