/** The commands over registry and log as a person meets them: what they print, where, and with which exit code they end. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { Ended } from './command-loop.test-kit.ts';

const program = fileURLToPath(new URL('../../bin/imprint.mjs', import.meta.url));
const gateway = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));

let folder = '';
let home = '';
let loop: ChildProcess;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-registry-'));
  home = join(folder, 'authority');
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)));
  assert.equal((await run(['init', '--home', home])).status, 0);
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

async function run(args: string[]): Promise<Ended> {
  loop.send(args);
  const [ended] = await once(loop, 'message');
  return ended;
}

/** In a process of its own, with something on its standard input. */
function runAlone(args: string[], input: string) {
  return spawnSync(process.execPath, [program, ...args, '--home', home], { encoding: 'utf8', input });
}

const imprint = (args: string[]) => run([...args, '--home', home]);
const json = async (args: string[]) => JSON.parse((await imprint([...args, '--json'])).stdout);

const orderOptions = ['--contract', gateway, '--sku', 'gateway-wifi', '--lot', 'L7', '--site', 'berlin'];

test('an order is created, shown, listed and closed, and its devices with it', async () => {
  const created = await json([
    'order',
    'create',
    'PO-1',
    ...orderOptions,
    '--quantity',
    '5',
    '--scrap',
    '1',
    '--id-site',
    'M1',
    '--closes',
    '2099-12-31',
  ]);
  assert.deepEqual(
    [created.order_id, created.allocated, created.quota, created.closes_at],
    ['PO-1', 6, 6, '2099-12-31T00:00:00.000Z'],
  );
  const shown = await json(['order', 'show', 'PO-1']);
  assert.deepEqual([shown.remaining, shown.devices, shown.yield.final_yield], [6, { allocated: 6 }, null]);
  const page = await json(['device', 'list', '--order', 'PO-1', '--limit', '4']);
  assert.equal(page.devices.length, 4);
  const rest = await json(['device', 'list', '--order', 'PO-1', '--after', page.next]);
  assert.equal(rest.devices.length, 2);
  const device = await json(['device', 'show', rest.devices[0].device_id]);
  assert.deepEqual([device.state, device.lot, device.history[0].value], ['allocated', 'L7', 'allocated']);

  const reason = 'done \u001b[31m red';
  assert.equal((await imprint(['order', 'close', 'PO-1', '--reason', reason])).status, 0);
  const again = await imprint(['order', 'close', 'PO-1', '--reason', reason]);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /order_closed: order PO-1 was closed at/);
  assert.match((await imprint(['order', 'list'])).stdout, /PO-1 +gateway-wifi +L7 +0\/6 +closed/);
});

test('a file with wrong IDs shows each line, imports nothing, and ends with 1', async () => {
  await json(['order', 'create', 'PO-2', '--imported', ...orderOptions, '--quantity', '5']);
  const file = join(folder, 'ids.csv');
  writeFileSync(file, 'device_id\nGW-M126000041S\nGW-M126000041T\nGW-m126000041S\n');
  const refused = await imprint(['order', 'import', 'PO-2', file]);
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /ids\.csv:3:14: .*check character[\s\S]*ids\.csv:4:4: [\s\S]*Nothing of the file/,
  );
  assert.equal((await json(['order', 'show', 'PO-2'])).allocated, 0);
  writeFileSync(file, 'GW-M126000041S\n');
  assert.equal((await json(['order', 'import', 'PO-2', file])).allocated, 1);
});

test('I-19: a token in the place of its file is refused and not repeated', async () => {
  const token = 'imprint-token-v1.c2VjcmV0';
  const refused = await imprint(['station', 'enroll', '--token-file', token]);
  assert.equal(refused.status, 2);
  assert.doesNotMatch(refused.stdout + refused.stderr, /c2VjcmV0/);
  assert.match(refused.stderr, /ask for a new token/);
});

test('wrong options end with 2 and say what is taken', async () => {
  for (const [option, value] of [
    ['--quantity', 'ten'],
    ['--closes', '2026-06-31'],
    ['--opens', 'tomorrow'],
    ['--scrap', '-1'],
  ] as const) {
    const { status, stderr } = await imprint([
      'order',
      'create',
      'PO-9',
      ...orderOptions,
      ...(option === '--quantity' ? [] : ['--quantity', '5']),
      option,
      value,
    ]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, new RegExp(option));
  }
});

test('a quota is raised to a number, in plain words, and never lowered', async () => {
  await json([
    'order',
    'create',
    'PO-3',
    ...orderOptions,
    '--id-site',
    'M1',
    '--quantity',
    '2',
    '--station-share',
    '1',
  ]);
  const raised = await imprint(['order', 'raise-quota', 'PO-3', '--quantity', '3', '--reason', 'more']);
  assert.match(raised.stdout, /^The quota of order PO-3 was 2 and is 3 now\.\nOrder PO-3 has 3 of the 3 /);
  assert.match(raised.stdout, /One station still provisions at most 1/);
  const scrap = ['order', 'raise-quota', 'PO-3', '--scrap-allowance', '1', '--reason', 'more'];
  const stand = { order_id: 'PO-3', allocated: 4, quota: 4, quantity: 3, scrap_allowance: 1 };
  assert.deepEqual(await json(scrap), { ...stand, quota_before: 3 });
  assert.deepEqual(await json(scrap), { ...stand, quota_before: 4 });
  const lower = await imprint(['order', 'raise-quota', 'PO-3', '--quantity', '2', '--reason', 'less']);
  assert.deepEqual([lower.status, /neither is ever lowered/.test(lower.stderr)], [1, true]);
  assert.equal((await imprint(['order', 'raise-quota', 'PO-3', '--reason', 'x'])).status, 2);
  const imported = await imprint(['order', 'raise-quota', 'PO-2', '--quantity', '6', '--reason', 'more']);
  assert.match(imported.stdout, /Bring the further IDs: imprint order import PO-2 FILE/);
});

test('an operator is registered by a scan, and neither name nor badge gets into the log', async () => {
  const scanned = runAlone(['operator', 'register', '--name', 'Ada Lovelace', '--json'], 'BADGE-1815\r\n');
  const { operator_id } = JSON.parse(scanned.stdout);
  assert.deepEqual(
    (await json(['operator', 'list'])).operators.map((row: { operator_id: string; name: string }) => [
      row.operator_id,
      row.name,
    ]),
    [[operator_id, 'Ada Lovelace']],
  );
  const { stdout } = await imprint(['audit', 'export']);
  assert.match(stdout, /operator\.registered/);
  assert.doesNotMatch(stdout, /Lovelace|BADGE/);
  assert.equal(runAlone(['operator', 'register', '--name', 'Nobody'], '').status, 2);
});

test('exports go to new files that others may not read', async () => {
  const out = join(folder, 'devices.csv');
  assert.equal((await imprint(['audit', 'export', '--what', 'devices', '--out', out])).status, 0);
  assert.equal(statSync(out).mode & 0o777, 0o600);
  assert.match(readFileSync(out, 'utf8'), /^"device_id",/);
  assert.match(
    (await imprint(['audit', 'export', '--what', 'devices', '--out', out])).stderr,
    /file_invalid/,
  );
});

test('a device that is not done has no receipt, and one that is not there is not shown', async () => {
  assert.match((await imprint(['audit', 'prove', 'GW-M126000041S'])).stderr, /job_state_wrong/);
  assert.equal((await imprint(['device', 'show', 'GW-none'])).status, 1);
  assert.match((await imprint(['device', 'show', 'GW-M126000041S', '--as-built'])).stderr, /job_state_wrong/);
});

test('I-16: verify and replay end with 0 on a whole log, and with 1 and the row where one was rewritten', async () => {
  assert.equal((await json(['audit', 'verify'])).ok, true);
  assert.equal((await imprint(['audit', 'replay'])).status, 0);
  const database = new Database(join(home, 'data', 'imprint.db'));
  database.prepare("update production_order set quantity = 5000 where order_id = 'PO-2'").run();
  database.close();
  const verified = await imprint(['audit', 'verify']);
  assert.equal(verified.status, 1);
  assert.match(verified.stdout, /production_order order_id=PO-2 quantity: is 5000 and by the log 6/);
  const replayed = await imprint(['audit', 'replay', '--json']);
  assert.equal(replayed.status, 1);
  assert.equal(JSON.parse(replayed.stdout).differences, 1);
});

test('every command of registry and log has an example in its help', async () => {
  for (const command of [
    'order create',
    'order import',
    'order show',
    'order list',
    'order raise-quota',
    'order close',
    'device show',
    'device list',
    'operator register',
    'operator list',
    'audit verify',
    'audit prove',
    'audit replay',
    'audit export',
    'receipt verify',
  ]) {
    const { status, stdout } = await run([...command.split(' '), '--help']);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`Example:\\n +imprint ${command}`));
  }
});
