/** The CAs as a person meets them: what the commands print, and that a stop anywhere is gone on from. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeKey } from '@imprint/authority/signer/software';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { actOn } from '../act-as.ts';
import { askForCa, makeDevCa } from '../make-ca.ts';
import type { Ended } from './command-loop.test-kit.ts';

let folder = '';
let home = '';
let loop: ChildProcess;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-ca-'));
  home = join(folder, 'authority');
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)));
  await imprint('init');
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

async function run(args: string[]): Promise<Ended> {
  loop.send([...args, '--home', home]);
  const [ended] = await once(loop, 'message');
  return ended;
}
async function imprint(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(args);
  assert.equal(status, 0, stderr);
  return stdout;
}
async function refused(status: number, pattern: RegExp, ...args: string[]): Promise<void> {
  const ended = await run(args);
  assert.equal(ended.status, status, ended.stdout);
  assert.match(ended.stderr, pattern);
}
const json = async (...args: string[]) => JSON.parse(await imprint(...args, '--json'));
const states = async () =>
  (await json('ca', 'list')).cas.map((ca: Record<string, string>) => `${ca.ca_id} ${ca.status}`).sort();

test('a realm begins with one CA of each kind, and further ones are made, rotated and retired', async () => {
  assert.deepEqual(await states(), ['device-issuing active', 'station-issuing active']);
  const made = await json('ca', 'create', '--product', 'gateway', '--site', 'berlin', '--year', '2026');
  assert.equal(made.ca_id, 'device-2026-gateway-berlin');
  assert.match(made.certificate_pem, /BEGIN CERTIFICATE/);
  assert.match(
    await imprint('ca', 'create', '--kind', 'station', '--site', 'berlin'),
    /station-berlin certifies stations/,
  );
  const next = await json('ca', 'rotate', 'device-2026-gateway-berlin', '--year', '2027');
  assert.deepEqual([next.ca_id, next.old.status], ['device-2027-gateway-berlin', 'active']);
  assert.match(await imprint('ca', 'rotate', 'device-issuing'), /device-issuing is retired/);
  assert.match(
    await imprint('ca', 'retire', 'station-berlin', '--reason', 'closed'),
    /Left: station-issuing \(any\)/,
  );
  assert.deepEqual(await states(), [
    'device-2026-gateway-berlin active',
    'device-2027-gateway-berlin active',
    'device-issuing retired',
    'device-issuing-2 active',
    'station-berlin retired',
    'station-issuing active',
  ]);
  assert.match(await imprint('ca', 'list'), /gateway, berlin, 2027 +active/);
  await imprint('audit', 'replay');
});

test('what does not fit is refused, and no key is left of it', async () => {
  const keys = readdirSync(join(home, 'keys'));
  await refused(1, /ca_conflict.*same scope/, 'ca', 'create');
  await refused(2, /not to a product/, 'ca', 'create', '--kind', 'station', '--product', 'gateway');
  await refused(2, /no name of a CA/, 'ca', 'create', '--id', 'device-root', '--site', 'x');
  await refused(2, /names a station CA/, 'ca', 'create', '--id', 'station-x', '--site', 'x');
  await refused(2, /power of two/, 'ca', 'create', '--site', 'x', '--crl-partitions', '3');
  await refused(2, /--site does not take/, 'ca', 'create', '--site', 'a b');
  await refused(1, /unknown_ca/, 'ca', 'rotate', 'device-none');
  await refused(1, /ca_not_active/, 'ca', 'rotate', 'device-issuing');
  await refused(1, /ca_not_active/, 'ca', 'retire', 'device-issuing', '--reason', 'again');
  assert.deepEqual(readdirSync(join(home, 'keys')), keys);
});

test('broken off after the key was made, or after it stood in the log, the next run goes on with that key', async () => {
  const order = { kind: 'device', scope: { ...anyScope, site: 'lyon' } } as const;
  await actOn({ home }, 'ca.manage', async (authority) => {
    const { keys } = await authority.unlock();
    const key = makeKey('ec-p256');
    await keys.write('device-lyon', key);
    const asked = await askForCa(authority, order);
    assert.equal(asked.ca_id, 'device-lyon');
    const made = await makeDevCa(authority, order);
    assert.deepEqual([made.ca_id, made.status], ['device-lyon', 'active']);
    assert.equal(made.public_key_sha256, asked.public_key_sha256);
    assert.ok((await keys.read('device-lyon')).equals(key));
  });
});

test('I-20: the keys of one realm are excluded in another, and in their own they are refused', async () => {
  const out = join(folder, 'keys.txt');
  assert.match(await imprint('realm', 'keys', '--out', out), /0 keys of the realm dev/);
  await refused(1, /realm_mismatch.*realm dev itself/, 'realm', 'exclude', out);
  const other = `imprint-realm-keys-v1 test ${'ab'.repeat(32)}\n${'cd'.repeat(32)}\n`;
  writeFileSync(out, other);
  assert.match(await imprint('realm', 'exclude', out), /1 of 1 keys of the realm test/);
  assert.equal((await json('realm', 'exclude', out)).added, 0);
});

test('I-9: an order whose site no CA may certify for is warned of', async () => {
  await imprint('ca', 'retire', 'device-issuing-2', '--reason', 'narrower ones');
  const contract = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));
  const order = [
    '--contract',
    contract,
    '--sku',
    'gateway-wifi',
    '--lot',
    'L7',
    '--quantity',
    '1',
    '--id-site',
    'M1',
  ];
  const times = ['--opens', '2026-01-01', '--closes', '2026-12-31', '--site', 'berlin', '--site', 'paris'];
  const said = await imprint('order', 'create', 'PO-1', ...order, ...times);
  assert.match(said, /Warning: no CA may certify gateway at paris in 2026/);
  assert.doesNotMatch(said, /at berlin/);
});
