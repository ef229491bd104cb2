/** What all tests run under: it takes less of the processor, and whatever fails by itself fails with it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const lightHooks = new URL('../../../scripts/light-hooks.mjs', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'imprint-light-hooks-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs a test file with this text. */
function run(text: string): { status: number | null; stdout: string } {
  const file = join(folder, 'case.test.mjs');
  writeFileSync(file, `import { after, before, describe, it, test } from 'node:test';\n${text}`);
  // without what this file's own runner told it
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const args = [`--import=${lightHooks}`, '--test-reporter=tap', file];
  return spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 30_000 });
}

const waits = 'await new Promise((resolve) => setTimeout(resolve, 5));';

test('an error that no test awaits fails its file, and is named', () => {
  for (const [how, act] of [
    ['thrown in a callback', `setTimeout(() => { throw new Error('told'); }, 1);`],
    ['rejected', `Promise.reject(new Error('told'));`],
    [
      'thrown by a promise of a callback',
      `setTimeout(async () => { await 0; throw new Error('told'); }, 1);`,
    ],
  ] as const) {
    const { status, stdout } = run(`test('passes', async () => { await 0; ${act} ${waits} });`);
    assert.equal(status, 1, how);
    assert.match(stdout, /the error "Error: told"/, how);
  }
});

test('a test that fails after it waited fails its file', () => {
  assert.equal(run(`test('fails', async () => { ${waits} throw new Error('told'); });`).status, 1);
});

test('tests and what goes before and after them belong to their suite', () => {
  const { status, stdout } = run(`
    const said = [];
    describe('suite', () => {
      before(async () => { ${waits} said.push('before'); });
      it('inner', async () => { ${waits} said.push('inner'); });
      after(async () => { ${waits} said.push('after'); });
    });
    test('outer', () => console.log(said.join(' ')));
  `);
  assert.equal(status, 0);
  assert.match(stdout, /before inner after/);
  assert.match(stdout, /^ {4}# Subtest: inner/m);
});

test('no promise is followed, or all tests would take longer again', () => {
  const { stdout } = run(`
    const { executionAsyncId } = await import('node:async_hooks');
    test('one', async () => { ${waits} await 0; console.log('after a wait:', executionAsyncId()); });
  `);
  assert.match(stdout, /after a wait: 0$/m);
});
