/** People at the command line: accounts, tokens and second persons, as they meet them. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Ended } from './command-loop.test-kit.ts';

const gateway = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'imprint-people-'));
const home = join(folder, 'authority');
let loop: ChildProcess;

const secretFile = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
};
const passwordFile = secretFile('password', 'correct horse battery staple');

async function imprint(...args: string[]): Promise<Ended> {
  loop.send([...args, '--home', home]);
  const [ended] = await once(loop, 'message');
  return ended;
}
async function json(...args: string[]) {
  const ended = await imprint(...args, '--json');
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}
async function refused(code: string, ...args: string[]): Promise<string> {
  const ended = await imprint(...args);
  assert.equal(ended.status, 1, ended.stdout);
  assert.match(ended.stderr, new RegExp(`error ${code}:`));
  return ended.stderr;
}

/** The six digits of this moment, reckoned from what was written for an authenticator. */
function codeOf(uri: string): string {
  const text = /secret=([A-Z2-7]+)/.exec(uri)![1]!;
  const bits = [...text].map((one) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'),
  );
  const secret = Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', secret).update(counter).digest();
  return String((mac.readUInt32BE(mac.at(-1)! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const as = (account: string) => ['--as', account, '--password-file', passwordFile];
const enrol = (account: string, ...roles: string[]) => [
  ...['account', 'create', account, '--name', `Person ${account}`, '--role', ...roles],
  ...['--new-password-file', passwordFile, '--reason', 'new here'],
];
const createOrder = (id: string, quantity: string) => [
  ...['order', 'create', id, '--contract', gateway, '--sku', 'gateway-wifi', '--lot', 'L7'],
  ...['--site', 'berlin', '--id-site', 'M1', '--quantity', quantity],
];

before(async () => {
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)));
  assert.equal((await imprint('init')).status, 0);
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

test('a lone developer needs no account, until two people are asked for', async () => {
  await json(...createOrder('PO-0', '3'));
  await refused('bad_request', 'approve', 'policy', '--required', '--reason', 'x');
  await json(...enrol('ada', 'administrator', 'ca-officer'));
  await json(...enrol('ben', 'administrator', 'ca-officer'));
  await json(...enrol('lee', 'line-lead'));
  const policy = ['approve', 'policy', '--required', '--order-limit', '10', '--reason', 'we are two'];
  assert.equal((await json(...policy)).approvals, 'required');
  assert.equal((await json('approve', 'policy')).takes_two_people, true);
  for (const act of [
    createOrder('PO-1', '3'),
    ['order', 'close', 'PO-0', '--reason', 'x'],
    ['operator', 'register', '--name', 'X', '--badge-file', passwordFile],
    ['station', 'revoke', 'st-1', '--reason', 'x'],
    ['credential', 'revoke', '--serial', '00', '--reason', 'superseded'],
    ['clock', 'accept', '--reason', 'x'],
    ['backup', '--to', join(folder, 'backup')],
    ['sample', 'register', 'SN-1', '--kind', 'golden'],
    ['contract', 'register', gateway],
    ['device', 'allow-debug', 'SN-1', '--reason', 'x'],
    ['account', 'disable', 'lee', '--reason', 'x'],
    ['approve', 'policy', '--order-limit', '0', '--reason', 'x'],
    enrol('eve', 'administrator'),
  ]) {
    await refused('not_authenticated', ...act);
  }
});

test('I-18: an order above the limit is asked for, granted by another person, and created as it was asked for', async () => {
  await json(...createOrder('PO-1', '10'), ...as('lee'));
  const order = [...createOrder('PO-2', '11'), ...as('lee')];
  assert.match(await refused('approval_required', ...order), /--request-approval/);
  const asked = await json(...order, '--request-approval', 'big customer');
  assert.match(asked.approval_id, /^ap-/);
  await refused('approval_required', ...order);
  const waiting = await imprint('approve', 'list');
  assert.match(waiting.stdout, /order\.open +PO-2/);
  assert.match(waiting.stdout, /asked by +lee, .*: big customer/);
  await refused('approval_invalid', 'approve', 'grant', asked.approval_id, '--reason', 'me', ...as('lee'));
  await json('approve', 'grant', asked.approval_id, '--reason', 'seen the contract', ...as('ben'));
  const created = await json(...order);
  assert.deepEqual([created.allocated, created.opens_at], [11, asked.parameters.opens_at]);
  await refused('approval_required', ...createOrder('PO-3', '11'), ...as('lee'));
  const all = await json('approve', 'list', '--all');
  assert.deepEqual([all.approvals[0].state, all.approvals[0].used_by], ['used', 'lee']);
});

test('a password that is wrong, an account that may not, and a token for something else are refused', async () => {
  const wrong = secretFile('wrong', 'correct horse battery stable');
  await refused('login_refused', ...createOrder('PO-4', '1'), '--as', 'lee', '--password-file', wrong);
  await refused('not_authorized', ...createOrder('PO-4', '1'), ...as('ada'));
  const open = secretFile('open', 'correct horse battery staple');
  rmSync(open);
  writeFileSync(open, 'x', { mode: 0o644 });
  await refused('file_invalid', ...createOrder('PO-4', '1'), '--as', 'lee', '--password-file', open);
  const out = join(folder, 'mes.token');
  const made = await json(
    ...['token', 'create', '--permission', 'sample.manage', '--reason', 'MES', '--out', out],
    ...as('lee'),
  );
  assert.equal(statSync(out).mode & 0o777, 0o600);
  await refused('not_authorized', ...createOrder('PO-4', '1'), '--as-token', out);
  await refused('unknown_device', 'sample', 'register', 'SN-1', '--kind', 'golden', '--as-token', out);
  assert.match(
    (await imprint('token', 'list')).stdout,
    new RegExp(`${made.token_id} +lee +MES +sample.manage +until`),
  );
  await json('token', 'revoke', made.token_id, '--reason', 'lost', ...as('lee'));
  await refused('not_authenticated', 'sample', 'register', 'SN-1', '--kind', 'golden', '--as-token', out);
});

test('an officer with a second factor is made by two, and signs in with the code that the secret gives, once', async () => {
  const uriFile = join(folder, 'otto.totp');
  const otto = [...enrol('otto', 'ca-officer'), '--totp-file', uriFile, ...as('ada')];
  const { approval_id } = await json(...otto, '--request-approval', 'new officer');
  await json('approve', 'grant', approval_id, '--reason', 'met him', ...as('ben'));
  await json(...otto);
  const code = secretFile('code', codeOf(readFileSync(uriFile, 'utf8')));
  const register = ['contract', 'register', gateway, ...as('otto'), '--code-file', code];
  assert.equal((await json(...register)).new, false);
  await refused('login_refused', ...register);
  const accounts = await imprint('account', 'list');
  assert.match(accounts.stdout, /otto +Person otto +ca-officer +password \+ one-time-code +ada +active/);
  await json('account', 'disable', 'otto', '--reason', 'left', ...as('ben'));
});

test('a person changes their password: the old one does nothing more', async () => {
  const next = secretFile('next', 'correct horse battery, and a cart');
  const change = (from: string, to: string) => [
    ...['account', 'password', '--as', 'lee', '--password-file', from, '--new-password-file', to],
  ];
  assert.match((await imprint(...change(passwordFile, next))).stdout, /^The password of lee is changed; 0 /);
  await refused('login_refused', ...createOrder('PO-5', '1'), ...as('lee'));
  await json(...createOrder('PO-5', '1'), '--as', 'lee', '--password-file', next);
  await refused('login_refused', ...change(passwordFile, next));
  await refused('bad_request', ...change(next, next));
  assert.equal((await imprint('account', 'password')).status, 2);
  await json(...change(next, passwordFile));
});

test('a backup takes a permission, which a timer has by a token, and without it nothing is made', async () => {
  const to = join(folder, 'backup');
  const out = join(folder, 'backup.token');
  await refused('not_authorized', 'backup', '--to', to, ...as('lee'));
  const create = ['token', 'create', '--reason', 'nightly', '--permission'];
  const other = join(folder, 'other.token');
  await json(...create, 'clock.accept', '--out', other, ...as('ada'));
  await json(...create, 'log.backup', '--out', out, ...as('ada'));
  await refused('not_authorized', 'backup', '--to', to, '--as-token', other);
  assert.ok(!existsSync(to) && !existsSync(`${to}.unfinished`));
  await json('backup', '--to', to, '--as-token', out);
  const { tokens } = await json('token', 'list');
  const { token_id } = tokens.find((one: { permissions: string[] }) =>
    one.permissions.includes('log.backup'),
  );
  await json('token', 'revoke', token_id, '--reason', 'lost', ...as('ada'));
  await refused('not_authenticated', 'backup', '--to', `${to}-2`, '--as-token', out);
});

test('I-19: no password stands in the home', () => {
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).map((name) => join(home, name));
  const found = files.filter(
    (file) => statSync(file).isFile() && readFileSync(file).includes('correct horse battery'),
  );
  assert.deepEqual(found, []);
});

test('wrong usage is told as such', async () => {
  for (const args of [
    ['account', 'create', 'x', '--name', 'X', '--role', 'root', '--reason', 'x'],
    ['approve', 'request', 'world.domination', '--parameters', '{}', '--reason', 'x'],
    ['approve', 'request', 'debug.exception', '--parameters', '{', '--reason', 'x', ...as('ada')],
    ['token', 'create', '--permission', 'approval.grant-trust', '--reason', 'x', '--out', 'x'],
    ['order', 'close', 'PO-0', '--reason', 'x', '--as', 'ada', '--as-token', passwordFile],
    ['order', 'close', 'PO-0', '--reason', 'x', '--as', 'ada'],
  ])
    assert.equal((await imprint(...args)).status, 2, args.join(' '));
});
