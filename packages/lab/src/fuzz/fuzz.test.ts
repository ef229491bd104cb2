/** The bounded slice of the fuzzing: the whole corpus and a fixed number of inputs of one fixed seed for each target. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { corpusFolder, corpusOf } from './corpus.ts';
import { targetText } from './report.ts';
import { runTarget } from './run-target.ts';
import { targets } from './targets.ts';
import { watchForStall } from './watch-for-stall.ts';

const seed = 'slice';
const stall = watchForStall((origin) => `${origin} with seed ${seed} did not come to an end`);
after(() => stall.end());

for (const [name, { make, slice }] of Object.entries(targets)) {
  test(`I-10: ${name}: every input is accepted with all that holds for it, or refused by a code of its own`, async () => {
    const target = await make();
    try {
      assert.equal(target.name, name);
      const report = await runTarget(target, corpusOf(name), { seed, iterations: slice }, stall.told);
      assert.equal(report.failure, undefined, `\n${targetText(report, seed)}`);
      assert.ok(report.accepted > 0, 'nothing was accepted: the inputs do not reach behind the first check');
      assert.ok(report.accepted < report.inputs, 'nothing was refused: the inputs are not broken');
    } finally {
      await target.close?.();
    }
  });
}

test('the corpus is small, and each of its folders belongs to a target', () => {
  assert.deepEqual(
    readdirSync(corpusFolder).filter((folder) => !Object.hasOwn(targets, folder)),
    [],
  );
  const files = readdirSync(corpusFolder, { recursive: true, encoding: 'utf8' }).map((file) =>
    join(corpusFolder, file),
  );
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(bytes < 200 * 1024, `the corpus has ${bytes} bytes`);
});
