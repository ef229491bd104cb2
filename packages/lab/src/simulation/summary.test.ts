import assert from 'node:assert/strict';
import { it } from 'node:test';
import { actNames } from './acts-done.ts';
import { coverageText, violationsText } from './report.ts';
import { Totals } from './summary.ts';

const summary = {
  units: 20,
  fates: { done: 0, 'set-aside': 0, unfinished: 20 },
  secondLives: { done: 0, 'set-aside': 0, unfinished: 0 },
  tried: {},
  acts: {},
  entries: 0,
  events: 0,
  simulatedHours: 0,
};

it('a factory whose process was lost is told with its command, and another is shrunk in its place', () => {
  const totals = new Totals();
  const broken = (invariant: string) => [{ invariant, what: 'it is broken', atMs: 0 }];
  totals.add({ ...summary, seed: 'lab-2', violations: broken('I-24'), isLost: true });
  totals.add({ ...summary, seed: 'lab-9', violations: broken('I-16') });
  const told = violationsText(totals, 20);
  assert.match(
    told,
    /I-24 in seed lab-2: it is broken\n {2}npm run lab -- --seed lab-2 --units 20 --verbose/,
  );
  assert.match(told, /I-16 in seed lab-9/);
  assert.equal(totals.firstToShrink?.seed, 'lab-9');
});

it('a hostile act that was never done is named, like a fault that never struck', () => {
  const [never, ...done] = actNames;
  const totals = new Totals();
  const acts = Object.fromEntries(done.map((act) => [act, 1]));
  totals.add({ ...summary, seed: 'lab-1', violations: [], acts });
  assert.ok(coverageText(totals).includes(` NEVER ${never}\n`));
});
