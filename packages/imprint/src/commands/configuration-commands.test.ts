/** Configuration at the command line, as people meet it: a home, an order, values and secrets, a roll-out that is taken back. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Ended } from './command-loop.test-kit.ts';

const gateway = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'imprint-configuration-'));
const home = join(folder, 'authority');
const secret = 'correct horse battery';
const secrets = join(folder, 'secrets.yaml');
const said: string[] = [];
let loop: ChildProcess;

async function imprint(...args: string[]): Promise<Ended> {
  loop.send([...args, '--home', home]);
  const [ended] = await once(loop, 'message');
  said.push(ended.stdout, ended.stderr);
  return ended;
}
async function json(...args: string[]) {
  const ended = await imprint(...args, '--json');
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}
async function refused(code: string, ...args: string[]): Promise<string> {
  const ended = await imprint(...args);
  assert.equal(ended.status, code === 'usage' ? 2 : 1, ended.stdout);
  assert.match(ended.stderr, new RegExp(`error ${code}:`));
  return ended.stderr;
}
const publish = (...args: string[]) => ['configuration', 'publish', ...args, '--reason', 'as agreed'];
const product = ['--product', 'gateway'];

before(async () => {
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)));
  assert.equal((await imprint('init')).status, 0);
  await json(
    ...['order', 'create', 'PO-1', '--contract', gateway, '--sku', 'gateway-wifi', '--lot', 'L7'],
    ...['--site', 'berlin', '--id-site', 'M1', '--quantity', '3'],
  );
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

test('values are published in their types, offered to more, and taken back', async () => {
  const first = await json(...publish(...product, '--set', 'report_minutes=60', '--set', 'wifi_ssid=Hall 3'));
  assert.deepEqual([first.version, first.share], [1, 100]);
  const values = join(folder, 'values.yaml');
  writeFileSync(values, 'remote_support: true\ncustomer_endpoint: https://a.example\n');
  const second = await json(...publish(...product, '--values', values, '--share', '5', '50', '100'));
  assert.deepEqual([second.version, second.share], [2, 5]);
  const widened = await json('configuration', 'roll-out', ...product, '--share', '50', '--reason', 'well');
  assert.equal(widened.share, 50);
  const shown = await json('configuration', 'show', ...product);
  assert.deepEqual([shown.offered, shown.share, shown.fallback], [2, 50, 1]);
  assert.deepEqual(shown.versions[0].values, {
    customer_endpoint: 'https://a.example',
    remote_support: true,
    report_minutes: 60,
    wifi_ssid: 'Hall 3',
  });
  const back = await json('configuration', 'roll-back', ...product, '--reason', 'units lose their network');
  assert.deepEqual([back.from, back.to], [2, 1]);
  const { stdout } = await imprint('configuration', 'list');
  assert.match(stdout, /^product +gateway +- +- +1 +2$/m);
});

test('a device gets what its group says before what its product says', async () => {
  const { devices } = await json('device', 'list');
  const [one, two] = devices.map((row: { device_id: string }) => row.device_id);
  await json('group', 'create', 'acme', ...product, '--reason', 'a customer');
  const list = join(folder, 'delivered.csv');
  writeFileSync(list, `device_id\n${one}\n${two}\n`);
  const added = ['group', 'add', 'acme', '--csv', list, '--reason', 'delivered'];
  assert.equal((await json(...added)).changed, 2);
  assert.equal((await json(...added)).before, 2);
  assert.equal((await json('group', 'remove', 'acme', two, '--reason', 'sent back')).changed, 1);
  assert.deepEqual((await json('group', 'show', 'acme')).devices, [one]);
  assert.equal((await json('group', 'list')).groups[0].devices, 1);
  await json(...publish('--group', 'acme', '--set', 'report_minutes=5'));
  const { stdout } = await imprint('configuration', 'show', '--device', one);
  assert.match(stdout, /it is given nothing before it is activated/);
  assert.match(stdout, /^report_minutes +5 +group acme, 1$/m);
  const own = await json('configuration', 'show', '--device', two);
  assert.equal(own.values.find((row: { name: string }) => row.name === 'report_minutes').value, 60);
  assert.match((await imprint('device', 'show', one)).stdout, /group +acme +delivered/);
});

test('I-19: a secret comes from a file of mode 0600 and is shown nowhere, nor in what is wrong with it', async () => {
  writeFileSync(secrets, `wifi_psk: "${secret}"\n`, { mode: 0o644 });
  await refused('file_invalid', ...publish(...product, '--secrets', secrets));
  rmSync(secrets);
  writeFileSync(secrets, `wifi_psk: "${secret}\n  x: y`, { mode: 0o600 });
  assert.match(await refused('configuration_invalid', ...publish(...product, '--secrets', secrets)), /:2:/);
  writeFileSync(secrets, `wifi_psk: [ "${secret}" ]\n`);
  await refused('configuration_invalid', ...publish(...product, '--secrets', secrets));
  writeFileSync(secrets, `wifi_psk: "${secret}"\n`);
  await json(...publish(...product, '--secrets', secrets));
  await refused('configuration_invalid', ...publish(...product, '--set', 'wifi_psk=other'));
  const out = join(folder, 'entries.jsonl');
  await json('audit', 'export', '--out', out);
  const { stdout } = await imprint('configuration', 'show', ...product);
  assert.match(stdout, /^wifi_psk +\(secret\)$/m);
  await imprint('configuration', 'show', ...product, '--json');
  for (const text of [...said, readFileSync(out, 'utf8')]) assert.ok(!text.includes(secret));
  const { status } = await imprint('audit', 'verify');
  assert.equal(status, 0);
});

test('what cannot be meant is refused with what to do', async () => {
  await refused('usage', ...publish('--set', 'report_minutes=1'));
  await refused('usage', ...publish(...product, '--order', 'PO-1', '--set', 'report_minutes=1'));
  await refused('configuration_invalid', ...publish(...product, '--set', 'report_minutes'));
  await refused('configuration_invalid', ...publish(...product, '--set', 'report_minutes=soon'));
  await refused('usage', ...publish(...product, '--set', 'report_minutes=1', '--share', 'all'));
  await refused('unknown_configuration', 'configuration', 'show', '--order', 'PO-1');
  await refused('unknown_group', 'group', 'show', 'nobody');
  await refused('usage', 'group', 'add', 'acme', '--reason', 'x');
});
