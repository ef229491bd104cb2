/** Records that are damaged or set back while nobody looks: the station's journal, and the authority's database. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openJournal } from '@imprint/station/journal';
import { logMarkFile } from 'imprint/log-mark';
import { openAuthority } from 'imprint/open-authority';
import { CrashLine, type Lane } from './crash-line.ts';
import { judge, ofType, readLog } from './judgement.ts';

/** How a journal is damaged, and whether a reader can see it: a lost one looks like a first start. */
const damages: [name: string, isSeen: boolean, damage: (path: string) => void][] = [
  ['cut off in the middle', true, cutInHalf],
  ['with flipped bytes', true, (path) => flipBytes(path, 100, 97)],
  ['with a flipped byte in its head', true, (path) => flipBytes(path, 18, Number.POSITIVE_INFINITY)],
  ['without its last writes', false, (path) => truncateSync(`${path}-wal`, 0)],
  ['gone', false, removeJournal],
];

describe('a line with damaged records', { timeout: 120_000 }, () => {
  let line: CrashLine;
  let lane: Lane;
  before(async () => {
    line = await CrashLine.start({ name: 'records', devices: 16, lanes: 1 });
    [lane] = line.lanes as [Lane];
  });
  after(() => line.close());

  const passes = async (unit: { unit: number; id: string }) => {
    const verdict = await line.work(lane, unit);
    assert.equal(verdict.event, 'passed', `${unit.id}: ${JSON.stringify(verdict)}`);
  };

  for (const [name, isSeen, damage] of damages) {
    it(`I-24, I-25: a journal ${name} is ${isSeen ? 'set aside and reported' : 'begun anew'}, and the units are finished`, async () => {
      const path = join(line.stationHome, 'journal.sqlite');
      const unit = line.newUnit();
      await line.lay(lane, unit.unit);
      const reached = Promise.withResolvers<void>();
      lane.wire.judge = (bytes) => {
        if (!bytes.includes('"cmd":"finalize"')) return 'pass';
        reached.resolve();
        return 'cut-reply';
      };
      const scan = line.scan(lane, unit.id);
      await reached.promise;
      await line.station.kill9();
      await scan;
      lane.wire.judge = () => 'pass';
      damage(path);
      const heard = await line.station.start();
      const notice = heard.find((event) => event.code === 'journal_set_aside');
      assert.equal(notice !== undefined, isSeen, JSON.stringify(heard));
      if (isSeen) assert.ok(readdirSync(line.stationHome).some((file) => file.includes('.damaged-')));
      // The one lane is free for another unit, and the first goes on when it comes back.
      await passes(line.newUnit());
      await passes(unit);
    });
  }

  it('I-2, I-7, I-23, I-25: nothing was issued, burnt or counted twice', async () => {
    const entries = await judge(line, line.unitsUsed);
    assert.equal(ofType(entries, 'credential.issued').length, line.unitsUsed);
  });

  const intents = async () => ofType(await readLog(line), 'credential.intended').length;

  async function refusedAfterRestore(backup: string): Promise<void> {
    await line.station.kill9();
    await offline(async () => {
      rmSync(dataOf(line), { recursive: true });
      cpSync(backup, dataOf(line), { recursive: true });
      forgetMark();
    });
    const before = await intents();
    const { code, events, errorText } = await line.station.startInVain();
    assert.equal(code, 1);
    assert.match(errorText, /log_inconsistent/);
    assert.ok(!events.some((event) => event.event === 'ready'), 'it takes no scan');
    assert.equal(await intents(), before, 'nothing was issued');
  }

  it('I-16: an old backup is refused by a station that knows a later log from a receipt alone, and nothing is issued', async () => {
    const [early, late] = [join(line.home, 'early'), join(line.home, 'late')];
    await offline(async () => cpSync(dataOf(line), early, { recursive: true }));
    await passes(line.newUnit());
    await offline(async () => cpSync(dataOf(line), late, { recursive: true }));
    await refusedAfterRestore(early);

    // The right database is put back: the same station works on.
    await offline(async () => {
      rmSync(dataOf(line), { recursive: true });
      cpSync(late, dataOf(line), { recursive: true });
      forgetMark();
    });
    await line.station.start();
    await passes(line.newUnit());
    await judge(line, line.unitsUsed);
  });

  it('I-16: an old backup that a station has outlived by a session is refused by the authority itself, with an alarm', async () => {
    const backup = join(line.home, 'backup');
    await offline(async () => cpSync(dataOf(line), backup, { recursive: true }));
    await passes(line.newUnit());
    await line.station.kill9();
    await line.station.start();
    await refusedAfterRestore(backup);
    const alarms = ofType(await readLog(line), 'alarm.raised').map(({ data }) => [data.kind, data.subject]);
    assert.deepEqual(alarms, [['log-inconsistent', 'st-1']]);
  });

  /** The mark beside the keys would tell it by itself: here the disk is put back whole, and the mark with it. */
  function forgetMark(): void {
    rmSync(join(line.authority.home.keys, logMarkFile));
  }

  /** With the authority's process gone and its database closed, as for a cold backup; then it is started again. */
  async function offline(act: () => Promise<void>): Promise<void> {
    await line.serve.kill9();
    await line.authority.close();
    await act();
    line.authority = await openAuthority(line.authorityHome);
    await line.serve.start();
  }
});

function dataOf({ authority }: CrashLine): string {
  return dirname(authority.home.database);
}

function cutInHalf(path: string): void {
  settle(path);
  truncateSync(path, readFileSync(path).length / 2);
}

function flipBytes(path: string, first: number, every: number): void {
  settle(path);
  const bytes = readFileSync(path);
  for (let at = first; at < bytes.length; at += every) bytes[at] = bytes[at]! ^ 0x40;
  writeFileSync(path, bytes);
}

/** Brings what the write-ahead log holds into the file itself, so that damage to the file is not mended from there. */
function settle(path: string): void {
  openJournal(path, () => '').journal.close();
}

function removeJournal(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) rmSync(path + suffix);
}
