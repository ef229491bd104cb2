/** I-16 by real processes: a line at work, a backup in between, the machine lost, and what the station remembers of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { place } from '../backup/homes.test-kit.ts';
import { Child } from '../demo/child.ts';
import { setUpLine } from '../demo/line-setup.ts';
import { workOrder } from '../demo/operators.ts';
import type { DemoOptions } from '../demo/options.ts';
import { Progress } from '../demo/progress.ts';

const under = place(after);
const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const children: Child[] = [];
const start = (name: string, args: string[]) => {
  const child = new Child(name, args);
  children.push(child);
  return child;
};
after(async () => {
  for (const child of children.reverse()) await child.stop();
});
const imprint = (...args: string[]) =>
  spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8', timeout: 60_000 });
function done(...args: string[]): Record<string, unknown> {
  const { status, stdout, stderr } = imprint(...args, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('I-16: what a station has seen after the backup is missing until its entries are brought, and then no checkpoint contradicts another', {
  timeout: 180_000,
}, async () => {
  const options: DemoOptions = {
    ...{ devices: 6, lanes: 2, trays: 1, faults: 0, seed: 'lost-machine', home: under('line'), link: 'tcp' },
    ...{ keep: false, json: true },
  };
  const line = await setUpLine(options, start, () => undefined);
  const { authority, authorityHome: home, publicUrl } = line;
  // the keys were put into the safe before the line began
  cpSync(join(home, 'keys'), under('safe', 'keys'), { recursive: true });
  cpSync(join(home, 'dev-passphrase'), under('safe', 'dev-passphrase'));
  const checkpoints: string[] = [];
  const keepCheckpoint = async () => {
    const file = under(`checkpoint-${checkpoints.length}`);
    writeFileSync(file, await (await fetch(new URL('/checkpoint', publicUrl))).text());
    checkpoints.push(file);
  };

  const progress = new Progress(options.devices, () => performance.now());
  const working = workOrder(line, progress);
  await Promise.race([line.station.next(({ event }) => event === 'passed'), working]);
  await keepCheckpoint();
  const backup = done('backup', '--home', home, '--to', under('backup'));
  await working;
  assert.equal(progress.count('done'), options.devices);
  await keepCheckpoint();
  // the session's checkpoint is older than the backup; that the station has seen more, its receipts told it
  await line.station.stop();
  const remembered = under('st-1.json');
  const told = done('station', 'checkpoint', '--home', under('line', 'st-1'));
  writeFileSync(remembered, JSON.stringify(told));
  assert.ok(Number(told.size) <= Number(backup.size) && Number(told.log_size) > Number(backup.size));
  const receipt = under('receipt.json');
  done('audit', 'prove', line.deviceIds.at(-1)!, '--home', home, '--out', receipt);
  done('audit', 'export', '--home', home, '--out', under('lost.jsonl'));
  await authority.close();
  for (const child of children.splice(0).reverse()) await child.stop();

  const restored = under('restored');
  const made = done(
    'restore',
    '--from',
    under('backup'),
    '--home',
    restored,
    '--keys',
    under('safe', 'keys'),
  );
  assert.deepEqual([made.held, made.size], [true, backup.size]);
  const release = (...args: string[]) => imprint('restore', 'release', '--home', restored, ...args);
  const byStation = release('--checkpoint', remembered);
  assert.equal(byStation.status, 1);
  assert.match(
    byStation.stderr,
    new RegExp(`a station was shown ${told.log_size} entries by a receipt, and this log has ${backup.size}`),
  );
  const byReceipt = release('--checkpoint', receipt);
  assert.equal(byReceipt.status, 1);
  assert.match(byReceipt.stderr, /entries \d+ to \d+ are missing, with whatever was issued in them/);
  const evidence = ['--checkpoint', remembered, '--checkpoint', receipt];
  const released = release(...evidence, '--entries', under('lost.jsonl'));
  assert.equal(released.status, 0, released.stderr);

  const serve = start('serve', ['serve', '--home', restored, '--json']);
  const ready = await serve.next(({ event }) => event === 'ready');
  writeFileSync(under('after'), await (await fetch(new URL('/checkpoint', String(ready.public)))).text());
  await serve.stop();
  const all = [...checkpoints, under('after')].flatMap((file) => ['--checkpoint', file]);
  assert.equal(done('audit', 'verify', '--home', restored, ...all).ok, true);
  assert.equal(done('audit', 'replay', '--home', restored).ok, true);
  // every unit that was made is known, with the certificate that it bears
  assert.match(
    imprint('device', 'show', line.deviceIds.at(-1)!, '--home', restored).stdout,
    /manufactured|stocked/,
  );
});
