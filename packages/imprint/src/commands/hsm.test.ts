/** The commands about keys in tokens, as a person runs them: real processes over a real SoftHSM. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSoftHsm, testPin } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const hsm = startSoftHsm();
after(() => hsm.remove());
const path = (name: string) => join(hsm.folder, name);
writeFileSync(path('pin'), `${testPin}\n`, { mode: 0o600 });
writeFileSync(path('wrong'), 'wrong-PIN-0000\n', { mode: 0o600 });
hsm.addToken('imprint');
const token = ['--module', hsm.module, '--token', 'imprint'];

const imprint = (...args: string[]) =>
  spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8', timeout: 60_000 });

function done(...args: string[]): string {
  const { status, stdout, stderr } = imprint(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

function refused(code: string, exit: number, ...args: string[]): void {
  const { status, stdout, stderr } = imprint(...args);
  assert.equal(status, exit, stderr);
  assert.match(stderr, new RegExp(`error ${code}: .*\n  \\S`));
  assert.doesNotMatch(stderr + stdout, /^ +at |PIN-0000/m);
}

/** The processes whose parent this is. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

test('a key is made in a token, and where it is stands in a private file that is never written over', () => {
  const made = ['hsm', 'generate-key', ...token, '--pin-file', path('pin'), '--out', path('key.json')];
  refused('key_locked', 1, ...made.with(made.indexOf(path('pin')), path('wrong')));
  refused('usage', 2, ...made, '--processes', '99');
  assert.ok(!existsSync(path('key.json')), 'a refusal leaves no file');
  const said = JSON.parse(done(...made, '--processes', '2', '--json'));
  assert.equal(said.file, path('key.json'));
  assert.equal(statSync(path('key.json')).mode & 0o777, 0o600);
  refused('path_refused', 1, ...made, '--label', 'second');
  refused('hsm_ambiguous', 1, ...made.with(-1, path('another.json')));
  const checked = JSON.parse(done('hsm', 'check', path('key.json'), '--pin-file', path('pin'), '--json'));
  assert.equal(checked.key_type, 'ec-p256');
});

test('imprint serve signs in processes of their own, which end with it, also where it is killed', async () => {
  const home = path('authority');
  const keys = ['--issuing-key', path('key.json'), '--pin-file', path('pin')];
  assert.match(done('init', '--home', home, ...keys), /the issuing key is in the token imprint/);
  refused('key_locked', 1, 'serve', '--home', home, '--pin-file', path('wrong'));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const ports = ['--station-port', '0', '--public-port', '0', '--json'];
    const serve = spawn(process.execPath, [mainFile, 'serve', '--home', home, ...ports], {
      env: { ...process.env, IMPRINT_PIN_FILE: path('pin') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(createInterface({ input: serve.stdout }), 'line');
    const signing = childrenOf(serve.pid!);
    assert.equal(signing.length, 2);
    serve.kill(signal);
    await once(serve, 'exit');
    const deadline = performance.now() + 10_000;
    while (signing.some(isThere)) {
      assert.ok(performance.now() < deadline, `after ${signal} ${signing} are still there`);
      await new Promise(setImmediate);
    }
  }
});

/** One that has ended may stay in the list until somebody asks for it. */
function isThere(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}
