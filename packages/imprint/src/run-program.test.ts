import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ImprintError } from '@imprint/contract/errors';
import { Command } from 'commander';
import { runProgram } from './run-program.ts';

const forged = 'the unit said: \u001b[2J\u001b[H\u202eSSAP\r\u0007';

/** What a command that fails so prints on standard error, without our own colours, and its exit code. */
async function failing(t: TestContext, error: unknown): Promise<{ code: number; text: string }> {
  let text = '';
  t.mock.method(process.stderr, 'write', (chunk: string) => {
    text += chunk;
    return true;
  });
  const program = new Command('test').action(() => {
    throw error;
  });
  const code = await runProgram(program, ['node', 'test']);
  t.mock.restoreAll();
  return { code, text: text.replaceAll(/\u001b\[\d+m/g, '') };
}

describe('the end of a command', () => {
  it('shows what others said in an error without what moves a cursor, rings or turns the writing round', async (t) => {
    for (const error of [
      new ImprintError('unavailable', forged, { hint: forged }),
      new Error(forged),
      forged,
    ]) {
      const { code, text } = await failing(t, error);
      assert.equal(code, 1);
      assert.match(text, /the unit said: \\u\{1b\}\[2J\\u\{1b\}\[H\\u\{202e\}SSAP\\u\{d\}\\u\{7\}/);
      assert.doesNotMatch(text, /[\u001b\u202e\r\u0007]/);
    }
  });

  it('tells a disk that fails as what it is, and says what to do', async (t) => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const { code, text } = await failing(t, full);
    assert.equal(code, 1);
    assert.match(text, /^error storage_failed: .*no space left on device.*\n {2}Look at the disk/);
    assert.doesNotMatch(text, /^ +at /m);
  });

  it('keeps the lines of an error of several lines, and tells wrong usage by its code', async (t) => {
    const { code, text } = await failing(t, new ImprintError('usage', 'one\ntwo'));
    assert.equal(code, 2);
    assert.match(text, /one\ntwo\n/);
  });

  it('says nothing where the reader of its output has read enough', async () => {
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    // gone before the first line is written
    child.stdout.destroy();
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const [code] = await once(child, 'close');
    assert.deepEqual([code, errors], [0, '']);
  });
});
