/** For tests: a slice of the sweeps over commands, of faults at their system calls and of power cuts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CommandCases } from './command-cases.ts';
import { recordCommand, sweepCommands } from './command-sweep.ts';
import { onePointEach } from './points.ts';
import { judgeCuts, judgeMade, readCommand } from './power-law.ts';
import { seeded } from './seeded.ts';
import { Tally } from './tally.ts';

const seed = 20261125;
/** Of the points that are drawn, one for each class and fault; the lab's command tries all. */
const pointsTried = 10;
const cutStride = 8;

/** Strikes the cases that are made in an empty folder. */
export function underFaults(what: string, makeCases: (place: string) => Promise<CommandCases>): void {
  describe(`${what} under faults of their system calls (seed ${seed})`, { timeout: 240_000 }, () => {
    const place = mkdtempSync(join(tmpdir(), 'imprint-commands-'));
    let commands: CommandCases;
    const recordings: Awaited<ReturnType<typeof recordCommand>>[] = [];
    before(async () => {
      commands = await makeCases(place);
      for (const command of commands.cases) recordings.push(await recordCommand(command));
    });
    after(async () => {
      await commands.close();
      rmSync(place, { recursive: true });
    });

    it('broken off anywhere and run again, they leave the whole thing or say that it is there', async () => {
      const draw = seeded(seed);
      const points = onePointEach(recordings, draw)
        .map((point) => ({ point, turn: draw() }))
        .sort((a, b) => a.turn - b.turn)
        .slice(0, pointsTried)
        .map(({ point }) => point);
      const tally = new Tally();
      await sweepCommands(commands.cases, points, tally, () => {});
      assert.deepEqual(tally.violations, []);
      assert.equal(tally.tried, pointsTried);
    });

    it('a power cut leaves nothing half made that opens, and what was reported as made is on the disk', async () => {
      for (const [at, command] of commands.cases.entries()) {
        const recording = recordings[at]!;
        const report = await judgeCuts(recording, readCommand(command), seeded(seed), cutStride);
        assert.deepEqual(report.violations, []);
        await judgeMade(command, recording.disk);
      }
    });
  });
}
