/** The contract commands as a person meets them: what they print, where, and with which exit code they end. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTestRealm } from '@imprint/authority/trust/hierarchy.test-kit';
import { limits } from '@imprint/contract/limits';

const examples = fileURLToPath(new URL('../../../../examples/', import.meta.url));
const gateway = join(examples, 'contracts/gateway.yaml');
const article = join(examples, 'manifests/article.yaml');
const pin = 'ab'.repeat(32);

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-contract-'));
});
after(() => rmSync(folder, { recursive: true }));

const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
const tinyProgram = `
  import { Command } from ${JSON.stringify(import.meta.resolve('commander'))};
  import { runProgram } from ${module('../run-program.ts')};
  import { addContractCommands } from ${module('./contract.ts')};
  const print = process.stdout.write.bind(process.stdout);
  const results = [];
  for (const args of JSON.parse(process.argv[1])) {
    const result = { code: 0, out: '', err: '' };
    process.stdout.write = (text) => (result.out += text, true);
    process.stderr.write = (text) => (result.err += text, true);
    const program = new Command('imprint');
    addContractCommands(program);
    result.code = await runProgram(program, ['node', 'imprint', 'contract', ...args]);
    results.push(result);
  }
  print(JSON.stringify(results));
`;

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs command lines, one after another, in a process of their own: what they print must not meet the test runner's. */
function imprintEach(...lines: string[][]): Ended[] {
  const args = ['--input-type=module', '--eval', tinyProgram, '--', JSON.stringify(lines)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 24 });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

const imprint = (...args: string[]): Ended => imprintEach(args)[0]!;

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const changed = (from: string, to: string) => readFileSync(gateway, 'utf8').replace(from, () => to);

test('check says that a good contract is in order, and ends with 0', () => {
  const { code, out, err } = imprint('check', gateway);
  const sha256 = createHash('sha256').update(readFileSync(gateway)).digest('hex');
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, new RegExp(`gateway 2026\\.1 is in order, 0 warnings\nSHA-256 ${sha256}\n$`));
});

test('check prints every fault as file:line:column with its hint, and ends with 1', () => {
  const path = file('bad.yaml', changed('ec-p256', 'rsa').replace('slot: 0,', 'slot: 0, x: 1,'));
  const { code, out, err } = imprint('check', path);
  assert.deepEqual([code, out], [1, '']);
  const lines = err.split('\n').filter((line) => line.startsWith(path));
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /bad\.yaml:23:13: error: "key_type" is "rsa"$/);
  assert.match(err, /Expected: ec-p256, ec-p384, ed25519\./);
  assert.match(lines[1]!, /unknown key "x"/);
});

test('check --json prints one object, good or bad', () => {
  const good = JSON.parse(imprint('check', gateway, '--json').out);
  assert.equal(good.ok, true);
  assert.equal(good.product, 'gateway');
  const bad = imprint('check', file('bad.yaml', changed('ec-p256', 'rsa')), '--json');
  assert.equal(bad.code, 1);
  const { ok, errors } = JSON.parse(bad.out);
  assert.equal(ok, false);
  assert.deepEqual([errors[0].line, errors[0].column], [23, 13]);
});

test('warnings end with 0, and with 1 if strict', () => {
  const path = file('warn.yaml', changed('derived_from: generated', 'derived_from: mac-address'));
  const loose = imprint('check', path);
  assert.equal(loose.code, 0);
  assert.match(loose.err, /warn\.yaml:\d+:\d+: warning: the ID is derived from a MAC/);
  assert.match(loose.out, /1 warning\n/);
  assert.equal(imprint('check', path, '--strict').code, 1);
});

test('files that are missing, folders, binary, too long or endless are refused with 1', () => {
  const endless = join(folder, 'endless');
  symlinkSync('/dev/zero', endless);
  const paths = [
    join(folder, 'nowhere.yaml'),
    folder,
    file('latin1.yaml', Uint8Array.of(0x61, 0x3a, 0x20, 0xe9)),
    file('long.yaml', `a: "${'x'.repeat(limits.yamlBytes)}"`),
    endless,
  ];
  for (const { code, err } of imprintEach(...paths.map((path) => ['check', path]))) {
    assert.equal(code, 1, err);
    assert.match(err, /file_invalid/);
  }
});

test('a byte order mark is refused, not passed over', () => {
  const { code, err } = imprint('check', file('bom.yaml', `\ufeff${readFileSync(gateway, 'utf8')}`));
  assert.equal(code, 1);
  assert.match(err, /:1:1: error: .*byte order mark/);
});

test('wrong usage ends with 2', () => {
  const lines = [
    ['check'],
    ['check', gateway, 'more'],
    ['check', gateway, '--nope'],
    ['header', gateway, '--root-sha256', pin],
    ['header', gateway, '--realm', 'staging', '--root-sha256', pin],
    ['header', gateway, '--realm', 'dev'],
    ['header', gateway, '--realm', 'dev', '--root-sha256', 'abc'],
    ['header', gateway, '--realm', 'dev', '--root-sha256', pin, '--root', 'x.pem'],
    ['polish', gateway],
  ];
  const codes = imprintEach(...lines).map(({ code }) => code);
  assert.deepEqual(codes, Array(lines.length).fill(2));
});

test('every command shows an example in its help', () => {
  const commands = ['check', 'render', 'header', 'lint-manifest'];
  for (const [index, { code, out }] of imprintEach(...commands.map((name) => [name, '--help'])).entries()) {
    assert.equal(code, 0);
    assert.match(out, new RegExp(`Example:\n {2}imprint contract ${commands[index]} `));
  }
});

test('render prints the page, or writes it', () => {
  const printed = imprint('render', gateway);
  assert.equal(printed.code, 0);
  assert.match(printed.out, /^# Provisioning contract: gateway 2026\.1\n/);
  const out = join(folder, 'gateway.md');
  assert.equal(imprint('render', gateway, '--out', out).code, 0);
  assert.equal(readFileSync(out, 'utf8'), printed.out);
  assert.equal(JSON.parse(imprint('render', gateway, '--json').out).markdown, printed.out);
});

test('a contract that is wrong is not rendered, and nothing is written', () => {
  const path = file('bad.yaml', changed('ec-p256', 'rsa'));
  for (const args of [['render'], ['header', '--realm', 'dev', '--root-sha256', pin]]) {
    const out = join(folder, 'nothing');
    const { code, err } = imprint(args[0]!, path, ...args.slice(1), '--out', out);
    assert.equal(code, 1);
    assert.match(err, /bad\.yaml:23:13/);
    assert.throws(() => readFileSync(out));
  }
});

test('the output never overwrites the contract', () => {
  const path = join(folder, 'own.yaml');
  copyFileSync(gateway, path);
  assert.equal(imprint('render', path, '--out', join(folder, '.', 'own.yaml')).code, 2);
  assert.deepEqual(readFileSync(path), readFileSync(gateway));
});

test('an output that cannot be written ends with 1', () => {
  assert.equal(imprint('render', gateway, '--out', join(folder, 'no/such/folder.md')).code, 1);
});

test('header pins what it is given', () => {
  const { code, out } = imprint('header', gateway, '--realm', 'test', '--root-sha256', pin);
  assert.equal(code, 0);
  assert.match(out, /#define IMPRINT_REALM "test"\n/);
  assert.match(out, new RegExp(`#define IMPRINT_ROOT_SHA256 "${pin}"`));
});

test('I-20: header takes the pin from the device root of its own realm, and from no other certificate', async () => {
  const { certificates } = (await makeTestRealm('dev')).hierarchy;
  const pem = (der: Uint8Array, name: string) => file(name, new X509Certificate(der).toString());
  const root = pem(certificates.root, 'root.pem');
  const good = imprint('header', gateway, '--realm', 'dev', '--root', root);
  assert.equal(good.code, 0, good.err);
  const sha256 = createHash('sha256').update(certificates.root).digest('hex');
  assert.ok(good.out.includes(`IMPRINT_ROOT_SHA256 "${sha256}"`));
  const crossed = imprint('header', gateway, '--realm', 'prod', '--root', root);
  assert.equal(crossed.code, 1);
  assert.match(crossed.err, /realm_mismatch/);
  for (const name of ['issuing', 'stationRoot', 'stationCa', 'server'] as const) {
    const other = imprint('header', gateway, '--realm', 'dev', '--root', pem(certificates[name], 'x.pem'));
    assert.equal(other.code, 1, name);
    assert.match(other.err, /certificate_refused/);
  }
});

test('lint-manifest accepts the manifest of the article, and shows the order that is carried out', () => {
  const { code, out, err } = imprint('lint-manifest', article);
  assert.equal(code, 0);
  assert.match(out, /steps: write-certs, write-device-id, post-provision-selftest, program-boot-flags\n/);
  assert.match(err, /article\.yaml:18:11: warning: program-boot-flags cannot be undone/);
});

test('lint-manifest refuses a placeholder, with its place', () => {
  const text = readFileSync(article, 'utf8').replace(/[0-9a-f]{64}/, 'REPLACE_WITH_BUILD_HASH');
  const { code, err } = imprint('lint-manifest', file('job.yaml', text));
  assert.equal(code, 1);
  assert.match(err, /job\.yaml:16:20: error: .*placeholder/);
});

test('lint-manifest compares with a contract', () => {
  const { code, out } = imprint('lint-manifest', article, '--contract', gateway, '--json');
  assert.equal(code, 1);
  const { errors, moved } = JSON.parse(out);
  assert.deepEqual(moved, ['program-boot-flags']);
  assert.deepEqual(
    errors.map((error: { line: number }) => error.line),
    [3],
    'only the ID is not of this product',
  );
});

test('lint-manifest names the contract file where that is at fault', () => {
  const { code, err } = imprint(
    'lint-manifest',
    article,
    '--contract',
    file('bad.yaml', changed('ec-p256', 'rsa')),
  );
  assert.equal(code, 1);
  assert.match(err, /bad\.yaml:23:13/);
});
