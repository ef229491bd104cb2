/** The commands that move devices, as a person meets them: what they print, what they leave, and with which exit code they end. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Ended } from './command-loop.test-kit.ts';

const gateway = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));

let folder = '';
let home = '';
let loop: ChildProcess;
let ids: string[] = [];
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-lifecycle-'));
  home = join(folder, 'authority');
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)));
  const order = ['order', 'create', 'PO-1', '--contract', gateway, '--sku', 'gateway-wifi', '--lot', 'L7'];
  assert.equal((await imprint(['init'])).status, 0);
  assert.equal(
    (await imprint([...order, '--site', 'berlin', '--id-site', 'M1', '--quantity', '6'])).status,
    0,
  );
  ids = (await json(['device', 'list'])).devices.map(({ device_id }: { device_id: string }) => device_id);
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

async function imprint(args: string[]): Promise<Ended> {
  loop.send([...args, '--home', home]);
  const [ended] = await once(loop, 'message');
  return ended;
}

const json = async (args: string[]) => JSON.parse((await imprint([...args, '--json'])).stdout);
const stateOf = async (id: string) => (await json(['device', 'show', id])).state;

test('one device is set aside and released, with the person and the reason in its history', async () => {
  const [id] = ids as [string];
  const refused = await imprint(['device', 'quarantine', id]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /bad_request: .*reason is needed/);
  const moved = await imprint(['device', 'quarantine', id, '--reason', 'label looks copied']);
  assert.equal(moved.stdout, `${id} was allocated and is quarantined now.\n`);
  const again = await imprint(['device', 'quarantine', id, '--reason', 'label looks copied']);
  assert.deepEqual([again.status, again.stdout], [0, `${id} is quarantined already.\n`]);
  assert.equal((await imprint(['device', 'release', id, '--reason', 'label checked'])).status, 0);
  const { state, history } = await json(['device', 'show', id]);
  assert.equal(state, 'allocated');
  assert.match(history.at(-1).actor, /^person:/);
  assert.equal(history.at(-1).reason, 'label checked');
});

test('a dry run prints a line a device and changes nothing; the run itself prints what was refused and ends with 1', async () => {
  const file = join(folder, 'list.csv');
  writeFileSync(file, `box,device_id,reason\n1,${ids[1]},\n1,${ids[2]},"wet, cold"\n1,GW-NOBODY,\n`);
  const list = ['device', 'scrap', '--csv', file, '--reason', 'water'];
  const dry = await imprint([...list, '--dry-run']);
  assert.match(dry.stdout, new RegExp(`${ids[1]} +would move +allocated -> scrapped`));
  assert.match(dry.stdout, /GW-NOBODY +refused +- +unknown_device: there is no device GW-NOBODY/);
  assert.match(
    dry.stdout,
    /Nothing was changed: 2 devices would move, 0 are there already, 1 would be refused/,
  );
  assert.equal(dry.status, 1);
  assert.equal(await stateOf(ids[1]!), 'allocated');

  const out = join(folder, 'outcomes.csv');
  const done = await imprint([...list, '--out', out]);
  assert.equal(done.status, 1);
  assert.match(done.stdout, /^2 devices moved, 0 were there before, 1 refused\.$/m);
  assert.doesNotMatch(done.stdout, new RegExp(ids[1]!));
  const { history } = await json(['device', 'show', ids[2]!]);
  assert.equal(history.at(-1).reason, 'wet, cold');
  assert.equal(statSync(out).mode & 0o777, 0o600);
  assert.match(readFileSync(out, 'utf8'), new RegExp(`"${ids[1]}","moved","allocated","scrapped",,,\r\n`));
  assert.match((await imprint([...list, '--out', out])).stderr, /file_invalid: .*is there already/);

  const again = await json(list);
  assert.deepEqual([again.moved, again.before, again.refused, again.outcomes.length], [0, 2, 1, 3]);
});

test('a file that is wrong moves nothing', async () => {
  const file = join(folder, 'wrong.csv');
  writeFileSync(file, `device_id\n${ids[3]}\n${ids[3]}\n`);
  const refused = await imprint(['device', 'scrap', '--csv', file, '--reason', 'water']);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /wrong\.csv:3:1: .*stands in line 2 already/);
  assert.equal(await stateOf(ids[3]!), 'allocated');
});

test('what is counted wrongly, or not at all, does not leave', async () => {
  const ship = ['device', 'ship', '--order', 'PO-1'];
  assert.equal((await imprint(ship)).status, 2);
  const none = await imprint([...ship, '--count', '6', '--reason', 'note 1']);
  assert.match(none.stderr, /count_wrong: nothing of order PO-1 lies in stock/);
  assert.match((await imprint([...ship, '--count', '0', '--reason', 'x'])).stderr, /--count takes/);
});

test('a list of revocations is counted, and says of each line what stands against it', async () => {
  const file = join(folder, 'leaked.csv');
  writeFileSync(file, `device_id\n${ids[4]}\nGW-NOBODY\n`);
  const list = ['credential', 'revoke-bulk', '--csv', file, '--reason', 'key-compromise'];
  const dry = await imprint([...list, '--dry-run']);
  assert.match(dry.stdout, /GW-NOBODY +refused +- +bad_request: no certificate was ever intended/);
  assert.match(
    dry.stdout,
    /Nothing was changed: 0 certificates of 0 lines .*\nThe whole list: --expect-count 2/,
  );
  assert.equal(dry.status, 1);
  assert.match((await imprint(list)).stderr, /bad_request: nobody has said how many lines/);
  assert.match((await imprint([...list, '--expect-count', '3'])).stderr, /count_wrong: 3 were counted/);
  const out = join(folder, 'revoked.csv');
  const done = await imprint([...list, '--expect-count', '2', '--out', out]);
  assert.match(done.stdout, /^0 certificates of 0 lines revoked, 0 were before, 2 refused\.$/m);
  assert.match(readFileSync(out, 'utf8'), new RegExp(`"${ids[4]}",,"refused","","bad_request"`));
  assert.equal((await imprint([...list, '--expect-count', 'x'])).status, 2);
  assert.match(
    (await imprint(['credential', 'revoke-bulk', '--help'])).stdout,
    /Example:\n +imprint credential revoke-bulk/,
  );
});

test('wrong usage ends with 2 and says what is taken', async () => {
  assert.equal((await imprint(['device', 'scrap', '--reason', 'x'])).status, 2);
  assert.equal((await imprint(['device', 'scrap', ids[3]!, '--csv', 'x', '--reason', 'x'])).status, 2);
  assert.equal((await imprint(['device', 'scrap', ids[3]!, '--order', 'PO-1'])).status, 2);
});
