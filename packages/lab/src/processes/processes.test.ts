/**
 * A slice of the sweeps over authority and station: real processes. Of the pairs of a class of operation and a fault each of the
 * two meets every other one, so that together they meet all; `npm run lab -- processes` tries every operation of both.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Role } from './fault-line.ts';
import { countRole, newLine, sweepLine } from './line-sweep.ts';
import { onePointEach } from './points.ts';
import { seeded } from './seeded.ts';
import { Tally } from './tally.ts';

const seed = 20261124;
const startShare = 0.15;

describe(`processes under faults of their system calls (seed ${seed})`, {
  concurrency: 2,
  timeout: 240_000,
}, () => {
  for (const [turn, role, name] of [
    [0, 'serve', 'an authority'],
    [1, 'station', 'a station'],
  ] as const satisfies [number, Role, string][]) {
    it(`I-1, I-2, I-7, I-15, I-16, I-23, I-24, I-25, I-27: ${name} killed, failed or cut off at operations of every class leaves every unit to be finished`, async () => {
      const line = await newLine();
      // Within a start a fault takes three more starts to try; a few stand for them here, the command tries all.
      const [starts, lives] = split(await countRole(line, role), ({ part }) => /first|start/.test(part));
      const draw = seeded(seed);
      const points = onePointEach(lives, draw).filter((_, at) => at % 2 === turn);
      const known = new Set(points.map((point) => point.class));
      points.push(
        ...onePointEach(starts, draw).filter((point) => !known.has(point.class) || draw() < startShare),
      );
      // Killed with its last answer on its way, a process is gone only after the unit has passed.
      const { part, counts } = lives.find((one) => one.part === `${role}/work`)!;
      points.unshift({ part, class: 'send', number: counts.send, fault: 'kill-after' });
      const tally = new Tally();
      await sweepLine(line, points, tally, () => {});
      assert.deepEqual(tally.violations, []);
      assert.equal(tally.tried, points.length);
      const outcomes = tally
        .rows()
        .map((row) => ({ fault: row.fault, outcome: Object.keys(row.outcomes)[0] }));
      for (const { fault, outcome } of outcomes) {
        if (fault === 'short') assert.ok(outcome === 'unnoticed' || outcome === 'not-reached');
      }
      const missed = outcomes.filter(({ outcome }) => outcome === 'not-reached').length;
      assert.ok(missed <= points.length / 4, `${missed} of ${points.length} operations never came`);
    });
  }
});

function split<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}
