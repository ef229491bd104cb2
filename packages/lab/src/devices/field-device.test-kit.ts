/** For tests: a finished unit of a test line as a device in the field, with keys and record in a folder, on the real listener. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FieldUnit, TestDevices } from '@imprint/authority/http/devices.test-kit';
import { firmware } from '@imprint/authority/http/devices.test-kit';
import { toBase64 } from '@imprint/contract/bytes';
import { fromPem } from '@imprint/contract/x509/pem';
import { publicKeySha256 } from '@imprint/contract/x509/public-key';
import { Device, type DeviceOptions } from '@imprint/device/device';
import { type DeviceState, writeState } from '@imprint/device/device-state';
import { softwareKeySlot } from '@imprint/device/software-key-slot';
import { stateFile } from '@imprint/device/state-file';
import { writeWhole } from '@imprint/device/write-whole';

export interface FieldDevice {
  device: Device;
  options: DeviceOptions;
  folder: string;
  state: DeviceState;
}

/** What the line has left in a unit, laid down in a folder as the device keeps it. `chain`, `root`: DER. */
export async function layDown(
  folder: string,
  unit: { deviceId: string; key: KeyObject; chain: readonly Uint8Array[]; root: Uint8Array },
  clock_floor = new Date(0).toISOString(),
) {
  mkdirSync(folder, { recursive: true });
  const keys = join(folder, 'keys');
  const slot = softwareKeySlot(keys);
  const spki = createPublicKey(unit.key).export({ format: 'der', type: 'spki' });
  const key = publicKeySha256(spki).slice(0, 32);
  writeWhole(join(keys, `${key}.key.pem`), unit.key.export({ format: 'pem', type: 'pkcs8' }) as string);
  const store = stateFile(join(folder, 'device.json'));
  const state: DeviceState = {
    ...{ v: 1, realm: 'dev', device_id: unit.deviceId, bundle_version: 0 },
    anchors_b64: [toBase64(unit.root)],
    idevid: { key, chain_b64: unit.chain.map(toBase64) },
    ...{ ldevid: null, former: null, asked: null, configuration: null, clock_floor },
  };
  await writeState(store, state);
  return { store, slot, state };
}

/** A unit of the test line, on its listener. */
export async function fieldDevice(
  test: TestDevices,
  unit: FieldUnit,
  folder: string,
  change: Partial<DeviceOptions> = {},
): Promise<FieldDevice> {
  const chain = [unit.certificate, ...fromPem('CERTIFICATE', unit.chainPem)];
  const root = fromPem('CERTIFICATE', test.line.core.rootPem, 1)[0]!;
  const laid = { deviceId: unit.deviceId, key: unit.key, chain, root };
  const { store, slot, state } = await layDown(folder, laid, test.line.core.clock().toISOString());
  const options: DeviceOptions = {
    ...{ store, slot, url: new URL(`https://127.0.0.1:${test.port}`) },
    clock: test.line.core.clock,
    fraction: 0.5,
    report: () => ({ firmware }),
    operational: null,
    ...change,
  };
  return { device: new Device(options), options, folder, state };
}
