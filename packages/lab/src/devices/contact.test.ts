/** A device in the field and the authority's listener for devices, each the real one: it lives, and is told why it may not. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { moveTo, openTestDevices, type TestDevices } from '@imprint/authority/http/devices.test-kit';
import { deviceOf } from '@imprint/authority/jobs/walk.test-kit';
import { idsOf } from '@imprint/authority/lifecycle/lifecycle.test-kit';
import { isImprintError } from '@imprint/contract/errors';
import { readState, writeState } from '@imprint/device/device-state';
import { fieldDevice } from './field-device.test-kit.ts';

describe('a device in the field', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-field-'));
  const ids = idsOf(5) as [string, string, string, string, string];
  let devices: TestDevices;
  before(async () => {
    devices = await openTestDevices([...ids]);
  });
  after(async () => {
    await devices.close();
    rmSync(folder, { recursive: true });
  });

  test('its first contact activates it, and the next ones are heartbeats', async () => {
    const unit = await devices.unit(ids[0], 'stocked', 'shipped');
    const { device } = await fieldDevice(devices, unit, join(folder, 'one'));
    const now = devices.line.core.clock().getTime();
    const first = await device.contact();
    assert.deepEqual(first.did, ['hello']);
    assert.ok(first.nextAtMs > now);
    assert.equal((await deviceOf(devices.line, ids[0])).device.state, 'activated');
    assert.deepEqual((await device.contact()).did, ['heartbeat']);
  });

  test('I-14: what is not shipped, and what was retired, is told so under a code of the catalogue', async () => {
    const unit = await devices.unit(ids[1], 'stocked');
    const { device } = await fieldDevice(devices, unit, join(folder, 'two'));
    await assert.rejects(device.contact(), (error) => isImprintError(error, 'device_not_shipped'));
    await moveTo(devices.line, ids[1], 'shipped');
    await device.contact();
    await moveTo(devices.line, ids[1], 'retired');
    await assert.rejects(device.contact(), (error) =>
      isImprintError(error, 'device_barred', 'credential_revoked'),
    );
  });

  test('I-30: with a clock that stopped in its box, or runs years ahead, it learns the time from the authority that proved itself', async () => {
    const unit = await devices.unit(ids[3], 'stocked', 'shipped');
    const now = devices.line.core.clock().getTime();
    for (const [at, clock] of ['1970-01-01T00:00:00.000Z', '2060-01-01T00:00:00.000Z'].entries()) {
      const { device, options, state } = await fieldDevice(devices, unit, join(folder, `clock-${at}`), {
        clock: () => new Date(clock),
      });
      await writeState(options.store, { ...state, clock_floor: '2026-01-01T00:00:00.000Z' });
      const { nextAtMs } = await device.contact();
      assert.ok(nextAtMs > now && nextAtMs < now + 30 * 86_400_000, new Date(nextAtMs).toISOString());
      assert.ok(Math.abs(Date.parse((await readState(options.store)).clock_floor) - now) < 3_600_000);
    }
  });

  test('a server whose certificate was over at the last time that the device knew is believed at no time', async () => {
    const unit = await devices.unit(ids[4], 'stocked', 'shipped');
    const { device, options, state } = await fieldDevice(devices, unit, join(folder, 'later'));
    await writeState(options.store, { ...state, clock_floor: '2060-01-01T00:00:00.000Z' });
    await assert.rejects(device.contact(), (error) => isImprintError(error, 'certificate_refused'));
    assert.equal((await deviceOf(devices.line, ids[4])).device.state, 'shipped');
  });

  test('an authority that stands under another root is told nothing', async () => {
    const other = await openTestDevices(idsOf(1));
    try {
      const unit = await devices.unit(ids[2], 'stocked', 'shipped');
      const url = new URL(`https://127.0.0.1:${other.port}`);
      const { device } = await fieldDevice(devices, unit, join(folder, 'three'), { url });
      await assert.rejects(device.contact(), (error) => isImprintError(error, 'certificate_refused'));
      assert.equal((await deviceOf(devices.line, ids[2])).device.state, 'shipped');
    } finally {
      await other.close();
    }
  });
});
