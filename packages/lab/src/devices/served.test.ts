/** A whole device and a whole authority, each a program as it is used: from its first contact to its configuration and back out. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isImprintError } from '@imprint/contract/errors';
import { fromPem } from '@imprint/contract/x509/pem';
import type { ConfigurationValues } from '@imprint/device/configure';
import { Device } from '@imprint/device/device';
import { readState } from '@imprint/device/device-state';
import { configurationOf } from 'imprint/ceremony/ceremony.test-kit';
import { type ShippedUnit, shippedUnits } from 'imprint/device-listener/home-units.test-kit';
import { initAuthority } from 'imprint/init-authority';
import { layDown } from './field-device.test-kit.ts';

const mainFile = fileURLToPath(new URL('../../../imprint/src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'imprint-served-'));
const home = join(folder, 'authority');
let unit: ShippedUnit;
let server: ChildProcess;
let url: URL;

function imprint(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [mainFile, ...args, '--home', home], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

before(async () => {
  await initAuthority(home, configurationOf('dev'));
  [unit] = (await shippedUnits(home, ['GW-0001'])) as [ShippedUnit];
  const ports = ['station', 'public', 'device'].flatMap((name) => [`--${name}-port`, '0']);
  server = spawn(process.execPath, [mainFile, 'serve', '--home', home, ...ports, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(server.stdout!, 'data');
  url = new URL(JSON.parse(String(line)).device);
});
after(() => {
  server.kill();
  rmSync(folder, { recursive: true });
});

test('it activates, enrols, is configured once, says what it could not apply, and is turned away when it is retired', async () => {
  const root = fromPem('CERTIFICATE', readFileSync(join(home, 'certificates', 'root.pem'), 'utf8'), 1)[0]!;
  const chain = fromPem('CERTIFICATE', unit.chainPem);
  const place = join(folder, 'device');
  const { store, slot } = await layDown(place, { deviceId: unit.deviceId, key: unit.key, chain, root });
  const applied: ConfigurationValues[] = [];
  let isBroken = false;
  const device = new Device({
    ...{ store, slot, url, clock: () => new Date(), fraction: 0.5, operational: 'ec-p256' },
    report: () => ({ firmware: { build_id: 'fw-9', sha256: 'ab'.repeat(32), rollback_counter: 9 } }),
    applyConfiguration: async (values) => {
      if (isBroken) throw new Error('no such network');
      applied.push(values);
    },
  });
  assert.deepEqual((await device.contact()).did, ['hello', 'enrolled', 'configured']);
  assert.deepEqual(applied, [{}]);
  assert.deepEqual((await device.contact()).did, ['heartbeat']);

  const secrets = join(folder, 'secrets');
  writeFileSync(secrets, 'wifi_psk: correct horse battery\n', { mode: 0o600 });
  const publish = ['configuration', 'publish', '--device', unit.deviceId, '--reason', 'a new hall'];
  imprint(...publish, '--secrets', secrets);
  assert.deepEqual((await device.contact()).did, ['heartbeat', 'configured']);
  assert.deepEqual(applied.at(-1), { wifi_psk: 'correct horse battery' });

  isBroken = true;
  writeFileSync(secrets, 'wifi_psk: another horse\n', { mode: 0o600 });
  imprint(...publish, '--secrets', secrets);
  assert.deepEqual((await device.contact()).did, ['heartbeat', 'not-configured']);
  const shown = imprint('configuration', 'show', '--device', unit.deviceId, '--json');
  assert.match(shown, /"failed"/);
  assert.match(shown, /no such network/);
  assert.doesNotMatch(shown, /horse/);
  isBroken = false;
  assert.deepEqual((await device.contact()).did, ['heartbeat', 'configured']);

  const { ldevid } = await readState(store);
  assert.ok(ldevid !== null);
  imprint('device', 'retire', unit.deviceId, '--reason', 'replaced');
  await assert.rejects(device.contact(), (error) =>
    isImprintError(error, 'device_barred', 'credential_revoked'),
  );
  imprint('audit', 'verify');
});
