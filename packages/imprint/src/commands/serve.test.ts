/** What `imprint serve` says where it cannot listen: a real process against a port that is taken. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const imprint = (...args: string[]) =>
  spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8', timeout: 60_000 });

it('names the port that is taken and the option that changes it, without a stack trace', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-serve-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'authority');
  assert.equal(imprint('init', '--home', home).status, 0);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const taken = String((other.address() as AddressInfo).port);
  for (const [option, free] of [
    ['--station-port', '--public-port'],
    ['--public-port', '--station-port'],
  ] as const) {
    const { status, stderr } = imprint('serve', '--home', home, option, taken, free, '0');
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`127.0.0.1:${taken} cannot be had`));
    assert.match(stderr, new RegExp(option));
    assert.doesNotMatch(stderr, /^ +at /m);
  }
});
