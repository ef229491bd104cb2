/** A failure as a person needs it: which invariant, the short history, and the command that shows it again. */
import { catalogue } from './catalogue.ts';
import { type FactoryReport, runFactory } from './factory.ts';
import { factoryOf } from './seeds.ts';
import { shrink } from './shrink.ts';

const runsOfShrinking = 60;
/** No run of shrinking begins after this; what is found by then is told. */
const shrinkingMs = 90_000;
const sentencesShown = 40;

/** Runs the seed again until its failure is short; the lines tell all of it. */
export async function tellFailure(seed: string, units: number): Promise<string[]> {
  const first = await runFactory(factoryOf(seed, units));
  const violation = first.violations[0];
  if (violation === undefined) {
    return [`seed ${seed}: it did not fail again, so something in it does not follow from its seed.`];
  }
  const isSame = (report: FactoryReport) =>
    report.violations.some(({ invariant }) => invariant === violation.invariant);
  const struck = first.struck.map(({ id }) => id);
  const endMs = performance.now() + shrinkingMs;
  const only = await shrink(
    struck,
    async (ids) =>
      performance.now() < endMs && isSame(await runFactory({ ...factoryOf(seed, units), only: ids })),
    runsOfShrinking,
  );
  return tellShort(seed, units, only);
}

/** Tells the history of a seed in which these faults alone may strike. */
async function tellShort(seed: string, units: number, only: readonly number[]): Promise<string[]> {
  const told: string[] = [];
  const tell = (sentence: string) => {
    told.push(sentence);
    if (told.length > sentencesShown) told.shift();
  };
  const report = await runFactory({ ...factoryOf(seed, units), only: new Set(only), tell });
  const list = only.length === 0 ? 'none' : only.join(',');
  return [
    ...report.violations.map(
      ({ invariant, what, atMs }) => `${invariant} is broken after ${(atMs / 1000).toFixed(3)} s: ${what}`,
    ),
    '',
    only.length === 0 ? 'It needs no fault.' : 'The faults that it needs:',
    ...report.struck.map(
      ({ id, unit, fault, phase, atMs }) =>
        `  ${id}: board ${unit}, ${phase}: ${catalogue[fault].words} (struck after ${(atMs / 1000).toFixed(3)} s)`,
    ),
    '',
    'The last that happened:',
    ...told.map((sentence) => `  ${sentence.slice(0, 220)}`),
    '',
    'To see it again:',
    `  npm run lab -- --seed ${seed} --units ${units} --only ${list}`,
    '',
  ];
}
