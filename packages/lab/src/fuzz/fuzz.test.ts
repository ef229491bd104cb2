/** The bounded slice of the fuzzing: the whole corpus and a fixed number of inputs of one fixed seed for each target. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { corpusFolder, corpusOf } from './corpus.ts';
import { targetText } from './report.ts';
import { runTarget } from './run-target.ts';
import { rowsMet, stricter } from './stricter-than-openssl.ts';
import { targets } from './targets.ts';
import { watchForStall } from './watch-for-stall.ts';

const seed = 'slice';
const stall = await watchForStall((origin) => `${origin} with seed ${seed} did not come to an end`);
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
  const bytes = Object.keys(targets)
    .flatMap(corpusOf)
    .reduce((sum, { input }) => sum + input.length, 0);
  assert.ok(bytes < 200 * 1024, `the corpus has ${bytes} bytes`);
});

// behind the targets, whose verdicts are what is counted here
test('every row that says where we are stricter than OpenSSL is needed', () => {
  const rows = Object.entries(stricter).flatMap(([judged, reasons]) =>
    Object.keys(reasons).map((reason) => `${judged}: ${reason}`),
  );
  assert.deepEqual(
    rows.filter((row) => !rowsMet.has(row)),
    [],
  );
});
