/** Power cuts in recorded lives of an authority and a station; that the law is no formality is shown on a careless program. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultLine, type Role } from './fault-line.ts';
import { judgeCuts, type ReadImage, readAuthority, readStation } from './power-law.ts';
import { seeded } from './seeded.ts';

const seed = 20261126;
/** Of the cuts that no sync stands at; the command tries each. */
const cutStride = 8;

describe(`a power cut at any operation of a recorded life (seed ${seed})`, { timeout: 120_000 }, () => {
  it('I-1, I-16, I-22, I-25: what is found is sound, and nothing was sent that is not found', async (t) => {
    const line = await FaultLine.start('cuts', 4);
    t.after(() => line.close());
    const readers: [Role, () => ReadImage][] = [
      ['serve', readAuthority],
      ['station', readStation],
    ];
    for (const [role, reader] of readers) {
      const disk = await line.record(role, 'start', 1);
      const report = await judgeCuts({ part: role, ...disk }, reader(), seeded(seed), cutStride);
      assert.deepEqual(report.violations, []);
      assert.ok(report.sends > 5 && report.cuts > 100, JSON.stringify(report));
    }
    // The law sees a program that speaks before it has synced.
    const { operations, disk } = await line.record('station', 'start', 1);
    const careless = operations.filter(({ kind }) => kind !== 'sync');
    const caught = await judgeCuts(
      { part: 'careless', operations: careless, disk },
      readStation(),
      seeded(seed),
      1_000,
    );
    assert.match(caught.violations.join('\n'), /it speaks of what is not on the disk/);
    await line.judge();
  });
});
