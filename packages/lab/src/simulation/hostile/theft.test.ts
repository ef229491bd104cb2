import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type FactoryReport, runFactory } from '../factory.ts';
import { thiefsActs } from './thief.ts';

const seed = 'theft-1';
const inPeace = { seed, units: 60, only: new Set<number>() };

describe(`a stolen station beside an honest line on which nothing else goes wrong (seed ${seed})`, () => {
  let report: FactoryReport;
  before(async () => {
    report = await runFactory(inPeace);
  });

  it('I-21: gets no further with any of its acts than its orders, their share and their hours', () => {
    assert.deepEqual(report.violations, []);
  });

  it('gets with each act as far as the promise that it is about', () => {
    const done = thiefsActs.map((act) => report.acts[`station: ${act}`] ?? 0);
    assert.deepEqual(
      thiefsActs.filter((_, at) => done[at] === 0),
      [],
    );
  });

  it('does the same again under the same seed', async () => {
    const { acts, entries, events } = await runFactory(inPeace);
    assert.deepEqual(
      { acts, entries, events },
      { acts: report.acts, entries: report.entries, events: report.events },
    );
  });
});
