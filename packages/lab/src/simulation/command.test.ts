import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

function lab(...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 60_000 });
}

describe('npm run lab', () => {
  it('what names no faults is wrong usage, and not a factory without faults that passes', () => {
    for (const only of ['abc', '1;2', '1,', '-1', '']) {
      const { status, stderr } = lab('--seed', 'lab-1', '--units', '1', '--only', only);
      assert.equal(status, 2, only);
      assert.match(stderr, /numbers of faults/);
    }
  });

  it('an option for one factory is not ignored where many run', () => {
    for (const option of [['--only', 'none'], ['--verbose']]) {
      const { status, stderr } = lab('--seeds', '1', '--units', '1', ...option);
      assert.equal(status, 2, option.join(' '));
      assert.match(stderr, /name it with --seed/);
    }
  });
});
