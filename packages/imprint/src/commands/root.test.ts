/** The ceremony as two people meet it at a terminal: what is printed, and how each command ends. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Ended } from './command-loop.test-kit.ts';

let folder = '';
let loop: ChildProcess;
const at = (...names: string[]) => join(folder, ...names);
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-root-'));
  loop = fork(fileURLToPath(new URL('./command-loop.test-kit.ts', import.meta.url)));
  writeFileSync(at('pass'), 'of the authority\n', { mode: 0o600 });
});
after(() => {
  loop.kill();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<Ended> {
  loop.send(args);
  const [ended] = await once(loop, 'message');
  return ended;
}
async function imprint(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}
async function refused(status: number, pattern: RegExp, ...args: string[]): Promise<void> {
  const ended = await run(...args);
  assert.equal(ended.status, status, ended.stdout + ended.stderr);
  assert.match(ended.stderr, pattern);
}

test('from an empty stick to an authority that serves, by two people with two of three shares', async () => {
  const home = ['--home', at('authority'), '--passphrase-file', at('pass')];
  const prepared = JSON.parse(
    await imprint('init', ...home, '--realm', 'prod', '--organization', 'Example Devices', '--json'),
  );
  assert.equal(prepared.waiting, true);
  await refused(
    1,
    /home_missing.*waits for its roots to sign requests\/device-issuing\.json/,
    'serve',
    ...home,
  );

  const stick = ['--stick', at('stick')];
  const keys = [...stick, '--key-folder', at('keys')];
  const both = ['--person', 'A. Abel', '--person', 'B. Baker'];
  const shares = ['--share', at('s1'), '--share', at('s3')];
  const terms = ['--realm', 'prod', '--organization', 'Example Devices'];
  const shareFiles = ['s1', 's2', 's3'].flatMap((name) => ['--share-file', at(name)]);
  const create = ['root', 'create', ...terms, ...keys, '--shares', '2/3', ...shareFiles];
  await refused(1, /file_invalid.*no transcript/, 'root', 'check', ...stick);
  await refused(2, /two people/, ...create, '--person', 'A. Abel');
  await refused(1, /not_authorized.*cannot be both/, ...create, '--person', 'A. Abel', '--person', 'a. abel');
  await refused(2, /--shares does not take/, 'root', 'create', ...terms, ...keys, ...both, '--shares', '1/3');
  await refused(1, /path_refused.*on the stick/, ...create, ...both, '--share-file', at('stick', 's4'));
  for (const left of ['stick', 'keys', 's1']) assert.ok(!existsSync(at(left)), left);
  assert.match(await imprint(...create, ...both), /2 of these 3 shares open them/);
  await refused(1, /home_exists.*already/, ...create, ...both);

  let head = '';
  for (const { file, fingerprint } of prepared.requests) {
    const sign = ['root', 'sign', ...keys, '--request', file];
    const shown = await run(...sign);
    assert.equal(shown.status, 1);
    assert.match(shown.stdout, new RegExp(`fingerprint +${fingerprint}`));
    assert.match(shown.stdout, /Nothing was signed/);
    await refused(
      1,
      /not_authorized.*fingerprint/,
      ...sign,
      '--fingerprint',
      '0'.repeat(64),
      ...both,
      ...shares,
    );
    await refused(
      1,
      /passphrase_wrong.*2 shares/,
      ...sign,
      '--fingerprint',
      fingerprint,
      ...both,
      '--share',
      at('s1'),
    );
    head = JSON.parse(
      await imprint(...sign, '--fingerprint', fingerprint, ...both, ...shares, '--json'),
    ).head;
  }
  const install = ['ca', 'install', ...home, '--from', at('stick')];
  await refused(2, /--head HEX/, ...install);
  assert.match(
    await imprint('root', 'check', ...stick, '--head', head.match(/.{8}/g)!.join(' ')),
    /ends as was written down/,
  );
  assert.match(await imprint(...install, '--head', head), /The authority is complete/);
  assert.match(await imprint('ca', 'list', '--home', at('authority')), /device-issuing +device +any +active/);
  const bundle = at('bundle.json');
  assert.match(await imprint('ca', 'bundle', '--home', at('authority'), '--out', bundle), /version +1/);
  assert.match(readFileSync(bundle, 'utf8'), /imprint-trust-bundle-v1/);

  // I-19: what is carried holds nothing that opens a key
  const secrets = ['s1', 's2', 's3'].map((name) => readFileSync(at(name), 'utf8').split(' ').at(-1)!.trim());
  for (const file of readdirSync(at('stick'), { recursive: true, encoding: 'utf8' })) {
    if (!/\.[a-z]+$/.test(file)) continue;
    const text = readFileSync(at('stick', file), 'latin1');
    assert.doesNotMatch(text, /PRIVATE KEY|imprint-sealed-key/, file);
    for (const secret of secrets) assert.ok(!text.includes(secret), file);
  }

  const crl = await imprint('root', 'crl', ...keys, ...both, ...shares, '--branch', 'station');
  assert.match(crl, /station root’s CRL number 1 .* 0 revoked/);
  await refused(1, /unknown_ca/, 'root', 'crl', ...keys, ...both, ...shares, '--revoke', 'device-none');
  await refused(2, /--days/, 'root', 'crl', ...keys, ...both, ...shares, '--days', '0');
  const acts = JSON.parse(await imprint('root', 'check', ...stick, '--json')).acts;
  assert.deepEqual(
    acts.map(({ act }: { act: string }) => act),
    ['root.begun', 'root.created', 'ca.signed', 'bundle.issued', 'ca.signed', 'crl.issued'],
  );
  await refused(1, /ceremony_invalid.*written down/, 'root', 'check', ...stick, '--head', head);
});

test('a root of the dev realm is made by no ceremony, and a home of prod by no passphrase beside its keys', async () => {
  assert.equal(
    (
      await run(
        'root',
        'create',
        '--realm',
        'dev',
        '--organization',
        'X',
        '--stick',
        at('d'),
        '--key-folder',
        at('dk'),
      )
    ).status,
    2,
  );
  await refused(2, /no way to get the passphrase/, 'init', '--home', at('bare'), '--realm', 'test');
});
