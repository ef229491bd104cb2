/** `imprint station run`, killed with -9 within every step and on both sides of every irreversible act, against a real authority. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Journal, openJournal } from '@imprint/station/journal';
import { CrashLine, type Lane } from './crash-line.ts';
import { judge, ofType, readLog } from './judgement.ts';
import { isAfterHello } from './wire.ts';

const steps = [
  'identify',
  'open',
  'key',
  'write',
  'prove',
  'seal',
  'attest',
  'selftest',
  'label',
  'complete',
];
const acts = [
  { command: 'write_boot_flags', act: 'write_boot_flags', fuses: ['flag:disable_jtag', 'flag:secure_boot'] },
  { command: 'finalize', act: 'finalize', fuses: ['debug_locked'] },
] as const;

describe('a station that is killed', { timeout: 120_000 }, () => {
  let line: CrashLine;
  let units = 0;
  before(async () => {
    line = await CrashLine.start({ name: 'station', devices: 29, lanes: 2 });
  });
  after(() => line.close());

  const newUnit = () => {
    units++;
    return line.newUnit();
  };

  /** The station's journal, read while the station is down. */
  const withJournal = <T>(read: (journal: Journal) => T): T => {
    const { journal, setAside } = openJournal(join(line.stationHome, 'journal.sqlite'), () => '');
    assert.equal(setAside, null, 'kill -9 leaves a sound journal');
    try {
      return read(journal);
    } finally {
      journal.close();
    }
  };

  const passes = async (lane: Lane, unit: { unit: number; id: string }) => {
    const verdict = await line.work(lane, unit);
    assert.equal(verdict.event, 'passed', `${unit.id}: ${JSON.stringify(verdict)}`);
    assert.equal(verdict.device_id, unit.id);
  };

  it('I-24: killed within any step, with a unit in each lane, it goes on with both where they are', async () => {
    const [one, two] = line.lanes as [Lane, Lane];
    for (const step of steps) {
      const [first, second] = [newUnit(), newUnit()];
      const struck = line.station.child.next(
        (event) => event.event === 'step' && event.step === step && event.device_id === first.id,
      );
      await line.lay(one, first.unit);
      await line.lay(two, second.unit);
      const scans = [line.scan(two, second.id), line.scan(one, first.id)];
      await struck;
      await line.station.kill9();
      await Promise.all(scans);
      await line.station.start();
      await Promise.all([passes(one, first), passes(two, second)]);
    }
    assert.equal(line.station.kills, steps.length);
  });

  for (const { command, act, fuses } of acts) {
    it(`I-25: killed between the record of ${command} and the act, it has a record and no act, and then acts once`, async () => {
      const [lane] = line.lanes as [Lane, Lane];
      const { unit, id } = newUnit();
      await line.lay(lane, unit);
      const reached = Promise.withResolvers<void>();
      lane.wire.judge = (bytes) => {
        if (!bytes.includes(`"${command}"`)) return 'pass';
        reached.resolve();
        return 'cut';
      };
      const scan = line.scan(lane, id);
      await reached.promise;
      await line.station.kill9();
      await scan;
      lane.wire.judge = () => 'pass';
      const before = await line.board(unit);
      for (const fuse of fuses) assert.equal(before.fuse_pulses[fuse], undefined, `${fuse} is untouched`);
      const recorded = withJournal((journal) => journal.acts(before.hardware_uid));
      assert.deepEqual(
        recorded.filter((each) => !each.seen).map((each) => each.act),
        [act],
      );
      await line.station.start();
      await passes(lane, { unit, id });
      const after = await line.board(unit);
      for (const fuse of fuses) assert.equal(after.fuse_pulses[fuse], 1);
    });

    it(`I-25: killed after ${command} and before its answer, it reads that it was done and does not do it again`, async () => {
      const [lane] = line.lanes as [Lane, Lane];
      const { unit, id } = newUnit();
      await line.lay(lane, unit);
      const reached = Promise.withResolvers<void>();
      lane.wire.judge = (bytes) => {
        if (!bytes.includes(`"${command}"`)) return 'pass';
        reached.resolve();
        return 'cut-reply';
      };
      const scan = line.scan(lane, id);
      await reached.promise;
      await line.station.kill9();
      await scan;
      lane.wire.judge = () => 'pass';
      const done = await line.board(unit);
      for (const fuse of fuses) assert.equal(done.fuse_pulses[fuse], 1, `${fuse} is burnt`);
      await line.station.start();
      await passes(lane, { unit, id });
      const after = await line.board(unit);
      for (const fuse of fuses) assert.equal(after.fuse_pulses[fuse], 1);
      assert.equal(after.needless_burns, 0);
    });
  }

  it('I-24, I-29: killed before the answer to its first request, it holds no lane for a unit that does not come back', async () => {
    const [one, two] = line.lanes as [Lane, Lane];
    // From here on the station asks for nothing before it opens a job.
    await passes(one, newUnit());
    const lost = [newUnit(), newUnit()];
    for (const [at, lane] of [one, two].entries()) await line.lay(lane, lost[at]!.unit);
    // The authority opens both jobs; the station never hears of it.
    line.network.judge = (bytes) => (isAfterHello(bytes) ? 'mute' : 'pass');
    const scans = [line.scan(one, lost[0]!.id), line.scan(two, lost[1]!.id)];
    await line.until(async () => {
      const opened = ofType(await readLog(line), 'job.opened').map(({ data }) => data.device_id);
      return lost.every(({ id }) => opened.includes(id));
    });
    await line.station.kill9();
    await Promise.all(scans);
    line.network.judge = () => 'pass';
    await line.station.start();
    const others = [newUnit(), newUnit()];
    await Promise.all([passes(one, others[0]!), passes(two, others[1]!)]);
    await Promise.all([passes(one, lost[0]!), passes(two, lost[1]!)]);
  });

  it('I-2, I-7, I-15, I-23, I-26, I-27: what it comes to is one certificate, one proof and one record a unit', async () => {
    const entries = await judge(line, units);
    assert.equal(ofType(entries, 'job.completed').length, units);
    assert.equal(ofType(entries, 'job.opened').length, units, 'no job was opened twice');
    const broken = ofType(entries, 'attempt.ended').filter(
      ({ data }) => data.failure_code === 'station_failed',
    );
    assert.ok(broken.length >= steps.length, 'attempts that were broken off are told as such');
    const shown = line.events.filter((event) => event.event === 'passed').map((event) => event.device_id);
    assert.equal(new Set(shown).size, units);
  });
});
