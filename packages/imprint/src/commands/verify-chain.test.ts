import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { limits } from '@imprint/contract/limits';
import { asStation, buildChain } from '@imprint/contract/x509/chain-fixture.test-kit';
import type { Ended } from './command-loop.test-kit.ts';

const program = fileURLToPath(new URL('../../bin/imprint.mjs', import.meta.url));
const at = '2026-06-01T12:00:00Z';
const device = buildChain();
const station = buildChain(asStation);
const pem = (der: Uint8Array) => new X509Certificate(der).toString();

let folder = '';
let loop: ChildProcess;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-verify-'));
  file('device.pem', device.chain.map(pem).join(''));
  file('device.der', Buffer.concat(device.chain));
  file('station.pem', station.chain.map(pem).join(''));
  file('root.pem', pem(device.root));
  file('root.der', device.root);
  file('station-root.pem', pem(station.root));
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)), { cwd: folder });
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Uint8Array): void {
  writeFileSync(join(folder, name), content);
}

async function verify(args: string[]): Promise<Ended> {
  loop.send(['verify-chain', ...args]);
  const [ended] = await once(loop, 'message');
  return ended;
}

/** In a process of its own, with something on its standard input. */
function verifyInput(args: string[], input: string | Uint8Array): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'verify-chain', ...args], {
    cwd: folder,
    encoding: 'utf8',
    input,
  });
  return { status: status!, stdout, stderr };
}

test('a good chain is accepted with 0, from PEM, DER and standard input, and says whose it is', async () => {
  const common = ['--at', at, '--realm', 'dev', '--json'];
  const answers = [
    await verify(['--chain', 'device.pem', '--root', 'root.pem', ...common]),
    await verify(['--chain', 'device.der', '--root', 'root.der', ...common]),
    verifyInput(['--chain', '-', '--root', 'root.pem', ...common], device.chain.map(pem).join('')),
  ];
  for (const { status, stdout, stderr } of answers) {
    assert.deepEqual([status, stderr], [0, '']);
    const { verdict, reason, leaf } = JSON.parse(stdout);
    assert.deepEqual([verdict, reason, leaf.id, leaf.realm], ['accept', null, 'SN-00012345', 'dev']);
  }
  const { status, stdout } = await verify([
    ...['--chain', 'station.pem', '--root', 'station-root.pem'],
    ...['--at', at, '--realm', 'dev', '--purpose', 'station'],
  ]);
  assert.equal(status, 0);
  assert.match(stdout, /^The chain is accepted: station S1 of realm dev/);
});

test('a chain of another realm, purpose, root or time is refused with 1 and the reason', async () => {
  const chain = ['--chain', 'device.pem', '--root', 'root.pem', '--json'];
  const refusals: [string[], string, number][] = [
    [[...chain, '--at', at], 'realm_mismatch', 0],
    [[...chain, '--at', at, '--realm', 'dev', '--purpose', 'station'], 'ca_for_others', 1],
    [[...chain, '--at', '2025-01-01', '--realm', 'dev'], 'not_yet_valid', 0],
    [
      ['--chain', 'device.pem', '--root', 'station-root.pem', '--at', at, '--realm', 'dev', '--json'],
      'issuer_mismatch',
      1,
    ],
  ];
  for (const [args, code, position] of refusals) {
    const { status, stdout } = await verify(args);
    const { verdict, reason, leaf } = JSON.parse(stdout);
    assert.deepEqual([status, verdict, leaf, reason.code], [1, 'refuse', null, code]);
    assert.equal(reason.position, position);
  }
  const { status, stdout } = await verify(['--chain', 'device.pem', '--root', 'root.pem', '--at', at]);
  assert.equal(status, 1);
  assert.match(stdout, /^The chain is refused: A certificate is of another realm/);
});

test('bytes that hold no certificates, or too many, are refused and not an error', async () => {
  const rest = ['--root', 'root.pem', '--at', at, '--realm', 'dev', '--json'];
  const codeOf = (input: string | Uint8Array) => {
    const { status, stdout } = verifyInput(['--chain', '-', ...rest], input);
    assert.equal(status, 1);
    return JSON.parse(stdout).reason.code;
  };
  assert.equal(codeOf('no certificate'), 'unreadable');
  assert.equal(codeOf(Buffer.concat([device.chain[0]!, Uint8Array.of(0x30, 0x80)])), 'unreadable');
  assert.equal(codeOf(Uint8Array.of(0x30, 0, 0x30, 0)), 'malformed');
  assert.equal(codeOf(pem(device.chain[0]!).repeat(5)), 'chain_length_wrong');
});

test('what is no question ends with 2, a file that cannot be read with 1, and neither gives a verdict', async () => {
  const wrong: [string[], number][] = [
    [['--chain', 'device.pem', '--root', 'root.pem'], 2],
    [['--chain', 'device.pem', '--at', at], 2],
    [['--chain', 'device.pem', '--root', 'root.pem', '--at', 'noon'], 2],
    [['--chain', 'device.pem', '--root', 'root.pem', '--at', at, '--purpose', 'pet'], 2],
    [['--cases', '-', '--root', 'root.pem'], 2],
    [['--chain', 'absent.pem', '--root', 'root.pem', '--at', at], 1],
    [['--cases', 'absent.jsonl'], 1],
  ];
  for (const [args, expected] of wrong) {
    const { status, stdout, stderr } = await verify(args);
    assert.equal(status, expected, args.join(' '));
    assert.equal(stdout, '');
    assert.notEqual(stderr, '');
  }
  const long = verifyInput(
    ['--chain', '-', '--root', 'root.pem', '--at', at],
    'A'.repeat(limits.dutMessageBytes + 1),
  );
  assert.deepEqual([long.status, long.stdout], [1, '']);
});

const goodCase = {
  id: 'good',
  chain_pem: device.chain.map(pem),
  root_pem: pem(device.root),
  at,
  realm: 'dev',
};
const lines = (...cases: unknown[]) => cases.map((one) => JSON.stringify(one)).join('\n');

test('a suite gets one verdict a line, in order, and ends with 0 where each is as expected', async () => {
  const { status, stdout, stderr } = verifyInput(
    ['--cases', '-'],
    lines(
      { ...goodCase, expect: 'accept' },
      { ...goodCase, id: 'other realm', realm: 'prod', expect: 'refuse' },
      { ...goodCase, id: 'no certificates', chain_pem: ['x', 'y'] },
    ),
  );
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(status, 0);
  assert.deepEqual(
    answers.map(({ id, verdict, reason, as_expected }) => [id, verdict, reason?.code, as_expected]),
    [
      ['good', 'accept', undefined, true],
      ['other realm', 'refuse', 'realm_mismatch', true],
      ['no certificates', 'refuse', 'unreadable', undefined],
    ],
  );
  assert.equal(stderr, '1 accepted, 2 refused, 0 not as expected, 0 lines that are no case\n');
});

test('a verdict that is not the expected one ends with 1, a line that is no case with 2; neither stops the suite', async () => {
  const unexpected = verifyInput(['--cases', '-'], lines({ ...goodCase, expect: 'refuse' }, goodCase));
  assert.equal(unexpected.status, 1);
  assert.equal(JSON.parse(unexpected.stdout.split('\n')[0]!).as_expected, false);
  const noCases = [
    'no JSON',
    '[]',
    JSON.stringify({ ...goodCase, note: 'x' }),
    JSON.stringify({ ...goodCase, at: '2026-02-30T00:00:00Z' }),
    JSON.stringify({ ...goodCase, purpose: 'pet' }),
    JSON.stringify({ ...goodCase, id: 'x'.repeat(limits.requestBytes) }),
  ];
  file('cases.jsonl', `${noCases.join('\n')}\n${JSON.stringify(goodCase)}`);
  const { status, stdout } = await verify(['--cases', 'cases.jsonl']);
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(status, 2);
  assert.deepEqual(
    answers.map(({ verdict }) => verdict),
    [...noCases.map(() => 'unread'), 'accept'],
  );
});
