/** Job manifests: what is refused and where, the article's own file, the order of steps, and pinning. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ImprintError, isImprintError } from './errors.ts';
import type { Finding } from './finding.ts';
import {
  irreversibleSteps,
  lintManifest,
  manifestFromContract,
  parseJobManifest,
  parsePinnedManifest,
  pinManifest,
  planSteps,
} from './job-manifest.ts';
import { parseProvisioningContract } from './provisioning-contract.ts';

const file = (path: string) => readFileSync(new URL(`../../../examples/${path}`, import.meta.url), 'utf8');
const article = file('manifests/article.yaml');
const hash = /expected_sha256: "([0-9a-f]{64})"/.exec(article)![1]!;
const gateway = parseProvisioningContract(file('contracts/gateway.yaml'), 'gateway.yaml');
const sensor = parseProvisioningContract(file('contracts/sensor.yaml'), 'sensor.yaml');

function changed(text: string, from: string, to: string): string {
  assert.equal(text.split(from).length, 2, `${from} stands ${text.split(from).length - 1} times`);
  return text.replace(from, () => to);
}

function findingsOf(text: string): Finding[] {
  try {
    parseJobManifest(text, 'job.yaml');
  } catch (error) {
    assert.ok(error instanceof ImprintError && error.code === 'manifest_invalid', String(error));
    assert.match(error.message, /^job\.yaml:\d+:\d+: /);
    return error.context.findings as Finding[];
  }
  assert.fail('accepted');
}

test('accepts the manifest of the source article, its hash filled in', () => {
  const { manifest } = parseJobManifest(article, 'job.yaml');
  assert.equal(manifest.device.device_id, 'SN-00012345');
  assert.equal(manifest.security.key_storage, 'secure-element-slot-0');
  assert.equal(manifest.contract, undefined);
});

test('refuses the manifest of the source article while its placeholder stands, and says which and where', () => {
  const [finding] = findingsOf(article.replace(hash, 'REPLACE_WITH_BUILD_HASH'));
  assert.match(finding!.message, /placeholder still stands where the SHA-256 of the firmware image belongs/);
  assert.deepEqual([finding!.line, finding!.column], [16, 20]);
});

const certLine = 'device_cert: "SN-00012345.crt"';
const wrong: [name: string, from: string, to: string, line: number, column: number, says: RegExp][] = [
  ['an unknown step', '"write-device-id"', '"write-secrets"', 22, 11, /"name" is "write-secrets"/],
  [
    'a misspelled argument',
    'verify_readback: true',
    'verify_read_back: true',
    21,
    39,
    /unknown key "verify_read_back"/,
  ],
  ['a missing argument', ', verify_readback: true', '', 21, 5, /"verify_readback" is missing/],
  [
    'an argument of another step',
    '{ timeout_s: 15 }',
    '{ timeout_s: 15, force: true }',
    25,
    28,
    /unknown key "force"/,
  ],
  ['arguments of a wrong type', 'timeout_s: 15', 'timeout_s: "15"', 25, 24, /"timeout_s" is "15", not/],
  ['no arguments', '    args: { timeout_s: 15 }\n', '', 24, 5, /"args" is missing/],
  [
    'a step twice',
    '"write-device-id"\n    args: { target_partition: "nvm", encode: "ascii" }',
    '"write-certs"\n    args: { target_partition: "cred", verify_readback: true }',
    22,
    11,
    /stands twice/,
  ],
  ['a climb out of the folder', certLine, 'device_cert: "../x.crt"', 10, 18, /leaves the folder/],
  ['a hidden climb', certLine, 'device_cert: "a/../../x.crt"', 10, 18, /leaves the folder/],
  ['an absolute path', certLine, 'device_cert: "/etc/passwd"', 10, 18, /absolute/],
  ['a drive', certLine, 'device_cert: "C:x.crt"', 10, 18, /absolute/],
  ['a backslash', certLine, 'device_cert: "..\\\\x.crt"', 10, 18, /backslash/],
  ['an escaped NUL', certLine, 'device_cert: "x.crt\\0.png"', 10, 18, /NUL/],
  ['an escaped newline', certLine, 'device_cert: "x\\n.crt"', 10, 18, /printable/],
  ['an empty path', certLine, 'device_cert: ""', 10, 18, /empty/],
  ['a path of dots', certLine, 'device_cert: "./x.crt"', 10, 18, /dot as part/],
  ['an empty part', certLine, 'device_cert: "a//x.crt"', 10, 18, /empty part/],
  ['a path that Windows rewrites', certLine, 'device_cert: "x.crt."', 10, 18, /ends with a dot/],
  ['a climb in the chain', '"root-ca.crt"', '"../root-ca.crt"', 13, 9, /leaves the folder/],
  ['an unknown key', 'job_version: 1', 'job_version: 1\nrun: "rm -rf /"', 2, 1, /unknown key "run"/],
  ['another version', 'job_version: 1', 'job_version: 2', 1, 14, /job_version/],
  ['an unsafe device ID', 'device_id: "SN-00012345"', 'device_id: "../../x"', 3, 14, /a device ID is/],
  ['RSA', '"ec-p256"', '"rsa-2048"', 7, 13, /"key_type" is "rsa-2048"/],
  ['a key from the PC', '"secure-element-slot-0"', '"pc-file"', 8, 16, /never injected/],
  ['a slot that is none', '"secure-element-slot-0"', '"secure-element-slot-256"', 8, 16, /a key lies in/],
  ['a short hash', hash, hash.slice(1), 16, 20, /64 lower-case hex/],
  ['a hash in capitals', hash, hash.toUpperCase(), 16, 20, /64 lower-case hex/],
  ['an unquoted number as build', '"fw-2026.01.09"', '2026.01', 15, 13, /not string/],
  ['an alias', '"B2"', '*x', 4, 11, /alias/],
  ['a duplicate key', '  sku: "gateway-wifi"', '  sku: "gateway-wifi"\n  hw_rev: "B1"', 6, 3, /twice/],
];

for (const [name, from, to, line, column, says] of wrong) {
  test(`refuses ${name}, with its place`, () => {
    const findings = findingsOf(changed(article, from, to));
    const found = findings.find((finding) => finding.line === line && finding.column === column);
    assert.ok(found, JSON.stringify(findings));
    assert.match(found.message, says);
    assert.ok(found.hint);
  });
}

test('no steps, or far too many, are refused', () => {
  const head = article.slice(0, article.indexOf('provision_steps'));
  findingsOf(head);
  findingsOf(`${head}provision_steps: []\n`);
  findingsOf(`${head}provision_steps:\n${'  - { name: "write-certs", args: {} }\n'.repeat(200)}`);
});

test('I-25: the burning step of the article moves to the end, and is named', () => {
  const { ordered, moved } = planSteps(parseJobManifest(article, 'job.yaml').manifest);
  assert.deepEqual(
    ordered.map((step) => step.name),
    ['write-certs', 'write-device-id', 'post-provision-selftest', 'program-boot-flags'],
  );
  assert.deepEqual(moved, ['program-boot-flags']);
});

test('I-25: in any order of steps the irreversible ones are last, the lock behind all, and what moved is named', () => {
  const { manifest } = { manifest: manifestFromContract(gateway.contract, gateway.sha256, unit) };
  fc.assert(
    fc.property(fc.shuffledSubarray(manifest.provision_steps, { minLength: 1 }), (steps) => {
      const { ordered, moved } = planSteps({ ...manifest, provision_steps: steps });
      assert.deepEqual(new Set(ordered), new Set(steps));
      assert.equal(ordered.length, steps.length);
      const firstBurn = ordered.findIndex((step) => irreversibleSteps.includes(step.name));
      if (firstBurn >= 0) {
        assert.ok(ordered.slice(firstBurn).every((step) => irreversibleSteps.includes(step.name)));
      }
      const lock = ordered.findIndex((step) => step.name === 'lock-debug');
      if (lock >= 0) assert.equal(lock, ordered.length - 1);
      const keep = (list: typeof steps) => list.filter((step) => !irreversibleSteps.includes(step.name));
      assert.deepEqual(keep(ordered), keep(steps));
      assert.equal(
        moved.length === 0,
        ordered.every((step, i) => step === steps[i]),
        'says so when it changes something',
      );
    }),
  );
});

const unit = { deviceId: 'GW-M126000041S', hwRev: 'B2', sku: 'gateway-wifi' };

test('the manifest that a contract makes plans without a move, lints clean, and says which contract it is of', () => {
  for (const [parsed, input] of [
    [gateway, unit],
    [sensor, { deviceId: 'SE22222223Y', hwRev: 'A3', sku: 'sensor-indoor' }],
  ] as const) {
    const manifest = manifestFromContract(parsed.contract, parsed.sha256, input);
    assert.deepEqual(planSteps(manifest), { ordered: manifest.provision_steps, moved: [] });
    const { text, sha256 } = pinManifest(manifest);
    // Canonical JSON is YAML too, so the file reader judges it as well.
    const read = parseJobManifest(text, 'job.json');
    assert.deepEqual(read.manifest, manifest);
    assert.deepEqual(lintManifest(read.manifest, read.source, parsed), { errors: [], warnings: [] });
    assert.equal(manifest.contract?.sha256, parsed.sha256);
    assert.deepEqual(parsePinnedManifest(text, sha256), manifest);
  }
});

test('a contract makes no manifest for a SKU or revision that is not its own', () => {
  for (const input of [
    { ...unit, sku: 'gateway-5g' },
    { ...unit, hwRev: 'B3' },
  ]) {
    assert.throws(
      () => manifestFromContract(gateway.contract, gateway.sha256, input),
      (error) => isImprintError(error, 'manifest_invalid'),
    );
  }
});

test('a pinned manifest is refused with another hash, another spelling, or an unknown step', () => {
  const { text, sha256 } = pinManifest(manifestFromContract(gateway.contract, gateway.sha256, unit));
  const refuses = (bytes: string, pin: string) =>
    assert.throws(
      () => parsePinnedManifest(bytes, pin),
      (error) => isImprintError(error, 'manifest_invalid', 'json_invalid'),
    );
  refuses(text, hash);
  refuses(text.replace('B2', 'B1'), sha256);
  const evil = JSON.parse(text);
  evil.provision_steps[0].name = 'erase';
  const pinned = pinManifest(evil);
  refuses(pinned.text, pinned.sha256);
});

test('lint compares with the contract, and points at each contradiction', () => {
  const text = article
    .replace('SN-00012345"', 'GW-M126000041S"')
    .replace('"B2"', '"C9"')
    .replace('"nvm"', '"otp"');
  const { manifest, source } = parseJobManifest(text, 'job.yaml');
  const { errors } = lintManifest(manifest, source, gateway);
  assert.deepEqual(
    errors.map((error) => [error.line, error.message]),
    [
      [4, 'hw_rev is C9, which the contract does not have'],
      [23, 'target_partition is otp, which the contract does not have'],
    ],
  );
  const other = lintManifest(manifest, source, sensor).errors.map((error) => error.line);
  for (const line of [3, 4, 5, 7, 8, 15, 16, 19, 21])
    assert.ok(other.includes(line), `line ${line} in ${other}`);
});

test('lint warns of what a manifest leaves out or leaves open', () => {
  const steps = `provision_steps:
  - name: "program-boot-flags"
    args: { secure_boot: false, disable_jtag: false }
  - name: "write-certs"
    args: { target_partition: "cred", verify_readback: false }
`;
  const text = article.slice(0, article.indexOf('provision_steps')) + steps;
  const { manifest, source } = parseJobManifest(text, 'job.yaml');
  const messages = lintManifest(manifest, source)
    .warnings.map((warning) => warning.message)
    .join('\n');
  for (const says of [
    /moved to the end/,
    /write-certs is not read back/,
    /secure boot stays off/,
    /no step write-device-id/,
    /no step post-provision-selftest/,
    /nothing closes the debug port/,
  ]) {
    assert.match(messages, says);
  }
});

test('a hostile value in a manifest cannot write to the terminal through a finding', () => {
  const [finding] = findingsOf(changed(article, '"ec-p256"', '"\\e[2J\\u202e"'));
  assert.match(finding!.message, /^[\x20-\x7e]+$/);
});

test('an unknown step is answered with the steps that are known, an unknown argument with those of its step', () => {
  const step = findingsOf(changed(article, '"write-device-id"', '"write-secrets"'))[0]!;
  assert.match(step.hint, /write-certs, post-provision-selftest, program-boot-flags, lock-debug/);
  const argument = findingsOf(changed(article, '{ timeout_s: 15 }', '{ timeout_s: 15, force: true }'))[0]!;
  assert.equal(argument.hint, 'Known here: timeout_s.');
  const missing = findingsOf(changed(article, '  - name: "write-device-id"\n    args', '  - args'))[0]!;
  assert.match(missing.message, /"name" is missing/);
  assert.deepEqual([missing.line, missing.column], [22, 5]);
});
