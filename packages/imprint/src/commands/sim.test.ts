/** `imprint sim` as a program that starts it meets it: what it prints, what it takes, and how it ends. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { frameLine, parseReplyLine } from '@imprint/contract/dut/frame';

const contract = fileURLToPath(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url));
const tinyProgram = `
  import { Command } from ${JSON.stringify(import.meta.resolve('commander'))};
  import { runProgram } from ${JSON.stringify(new URL('../run-program.ts', import.meta.url).href)};
  import { addSimCommand } from ${JSON.stringify(new URL('./sim.ts', import.meta.url).href)};
  const program = new Command('imprint');
  addSimCommand(program);
  process.exitCode = await runProgram(program, ['node', 'imprint', 'sim', ...process.argv.slice(1)]);`;
const nodeArgs = ['--input-type=module', '--eval', tinyProgram, '--'];

let folder = '';
let root = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-sim-test-'));
  root = join(folder, 'root.pem');
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    join(folder, 'root.key'),
  ];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', root, '-subj', '/CN=root', '-days', '30'], {
    stdio: 'pipe',
  });
});
after(() => rmSync(folder, { recursive: true }));

class RunningSim {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exited: Promise<unknown[]>;
  readonly #lines: AsyncIterator<string>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [...nodeArgs, '--contract', contract, '--json', ...args]);
    this.exited = once(this.child, 'exit');
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** The next event that it prints. */
  async event(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.#lines.next()).value) as Record<string, unknown>;
  }

  /** Says a line and gives the event that answers it. */
  say(line: object | string): Promise<Record<string, unknown>> {
    this.child.stdin.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    return this.event();
  }
}

test('wrong usage ends with exit code 2, a file that is none of the kind with 1, and both say why', () => {
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [...nodeArgs, ...args], {
      encoding: 'utf8',
      input: '',
    });
    return { status, stderr };
  };
  for (const args of [
    ['--root', root],
    ['--contract', contract],
    ['--contract', contract, '--root', root, '--units', '0'],
    ['--contract', contract, '--root', root, '--faults', '1.1'],
    ['--contract', contract, '--root', root, '--hostile', 'nice'],
    ['--contract', contract, '--root', root, '--realm', 'production'],
    ['--contract', contract, '--root', root, '--max-line', '255'],
  ]) {
    const { status, stderr } = run(...args);
    assert.equal(status, 2, args.join(' '));
    assert.notEqual(stderr, '');
  }
  const notPem = join(folder, 'not.pem');
  writeFileSync(notPem, 'nonsense');
  for (const file of [notPem, join(folder, 'missing.pem')]) {
    const { status, stderr } = run('--contract', contract, '--root', file);
    assert.equal(status, 1);
    assert.match(stderr, /file_invalid/);
  }
});

test('units over TCP are loaded, answer and are reported, and all ends when standard input is closed', async () => {
  const sim = new RunningSim(
    '--root',
    root,
    '--units',
    '3',
    '--first-unit',
    '5',
    '--fixtures',
    '2',
    '--seed',
    's',
  );
  const ready = await sim.event();
  assert.deepEqual([ready.event, ready.units], ['ready', 3]);
  const fixtures = ready.fixtures as { fixture: number; port: string }[];
  assert.deepEqual(
    fixtures.map(({ fixture }) => fixture),
    [1, 2],
  );
  assert.equal((await sim.say('nonsense')).event, 'refused');
  assert.equal((await sim.say('x'.repeat(5000))).event, 'refused');
  assert.equal((await sim.say({ load: { fixture: 1, unit: 4 } })).event, 'refused');
  assert.deepEqual(await sim.say({ load: { fixture: 1, unit: 7 } }), {
    event: 'loaded',
    fixture: 1,
    unit: 7,
  });
  const { hostname, port } = new URL(fixtures[0]!.port);
  const socket = connect(Number(port), hostname);
  socket.write(`${frameLine({ seq: 0, cmd: 'hello', payload: { versions: [1] } })}\n`);
  let uid = '';
  for await (const line of createInterface({ input: socket })) {
    const reply = parseReplyLine(line);
    if (reply.kind !== 'frame') continue;
    assert.equal(reply.frame.product, 'gateway');
    uid = (reply.frame.hardware_uid as { value: string }[])[0]!.value;
    break;
  }
  socket.destroy();
  const report = await sim.say({ report: true });
  const [unit] = report.units as { unit: number; hardware_uid: string }[];
  assert.equal(unit!.unit, 7);
  assert.ok(uid !== '' && unit!.hardware_uid.includes(uid));
  sim.child.stdin.end();
  assert.deepEqual(await sim.exited, [0, null]);
});

test('a termination signal takes the pseudo-terminals away', async () => {
  const sim = new RunningSim('--root', root, '--link', 'pty', '--fixtures', '2');
  const fixtures = (await sim.event()).fixtures as { port: string }[];
  assert.ok(fixtures.every(({ port }) => existsSync(port)));
  sim.child.kill('SIGTERM');
  assert.deepEqual(await sim.exited, [0, null]);
  assert.ok(!existsSync(dirname(fixtures[0]!.port)));
});

test('an article unit gives its certification request out of band, and openssl verifies it', async () => {
  const sim = new RunningSim('--protocol', 'article');
  await sim.event();
  const { csr_pem } = await sim.say({ csr: { unit: 1 } });
  const { stderr } = spawnSync('openssl', ['req', '-verify', '-noout'], {
    input: String(csr_pem),
    encoding: 'utf8',
  });
  assert.match(stderr, /verify OK/);
  sim.child.stdin.end();
  assert.deepEqual(await sim.exited, [0, null]);
});
