import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const module = new URL('./watch-for-stall.ts', import.meta.url).href;
const watched = (body: string) =>
  spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { watchForStall } = await import(${JSON.stringify(module)});
       const stall = await watchForStall((origin) => origin + ' did not come to an end', 300);
       ${body}`,
    ],
    { encoding: 'utf8', timeout: 20_000 },
  );

test('an input that is read for ever is named, and the process ends', () => {
  const { signal, stderr } = watched("stall.told('der iteration 7'); for (;;);");
  assert.equal(signal, 'SIGKILL');
  assert.match(stderr, /^der iteration 7 did not come to an end\n$/);
});

test('a process whose inputs come to an end is left alone', () => {
  const { status, stderr } = watched("stall.told('der iteration 7'); await stall.end();");
  assert.deepEqual([status, stderr], [0, '']);
});
