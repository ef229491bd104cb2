/** A unit whose power fails at each command, before it was heard or after it was carried out, while its station works on. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CrashLine, type Lane } from './crash-line.ts';
import { judge, ofType } from './judgement.ts';
import type { Fate } from './wire.ts';

const commands = [
  'status',
  'generate_key',
  'write_trust_anchor',
  'set_device_id',
  'write_factory_config',
  'write_certs',
  'read_certs',
  'prove',
  'write_boot_flags',
  'finalize',
  'reboot',
  'selftest',
  'attest',
];

describe('a unit whose power is cut', { timeout: 120_000 }, () => {
  let line: CrashLine;
  before(async () => {
    line = await CrashLine.start({ name: 'power', devices: 2 * commands.length, lanes: 2 });
  });
  after(() => line.close());

  /** Works on a new unit; power and link fail once, where this command passes, and come back. */
  async function workThroughCut(lane: Lane, command: string, fate: Fate): Promise<void> {
    const unit = line.newUnit();
    const struck = Promise.withResolvers<void>();
    lane.wire.judge = (bytes) => {
      if (!bytes.includes(`"cmd":"${command}"`)) return 'pass';
      lane.wire.judge = () => 'pass';
      struck.resolve();
      return fate;
    };
    const work = line.work(lane, unit);
    await struck.promise;
    await line.power(lane, false);
    await line.power(lane, true);
    const verdict = await work;
    assert.equal(verdict.event, 'passed', `${command}, ${String(fate)}: ${JSON.stringify(verdict)}`);
  }

  it('I-24, I-25: at any command, it holds the old or the new and is finished from there', async () => {
    const [one, two] = line.lanes as [Lane, Lane];
    for (const command of commands) {
      await Promise.all([workThroughCut(one, command, 'cut'), workThroughCut(two, command, 'cut-reply')]);
    }
    const entries = await judge(line, line.unitsUsed);
    assert.equal(ofType(entries, 'job.completed').length, 2 * commands.length);
    assert.equal(ofType(entries, 'credential.issued').length, 2 * commands.length, 'no key was lost');
  });
});
