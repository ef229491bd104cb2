/** `imprint serve`, killed with -9 while a station works in all its lanes: on seeded moments, between intent and certificate, and together with the station. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CrashLine } from './crash-line.ts';
import { judge, ofType } from './judgement.ts';
import { pick, seeded } from './seeded.ts';

const seed = 20260110;
const lanes = 4;
const devices = 160;
const steps = ['open', 'key', 'write', 'prove', 'seal', 'attest', 'complete'];
const killsAtSteps = 5;
const killsOfBoth = 3;
/** Kills that must fall between a durable intent and its certificate, and how many may miss. */
const wantedUncertain = 2;
const triesForUncertain = 8;
const lateMs = 12;

describe(`an authority that is killed (seed ${seed})`, { timeout: 150_000 }, () => {
  let line: CrashLine;
  const draw = seeded(seed);
  before(async () => {
    line = await CrashLine.start({ name: 'authority', devices, lanes });
  });
  after(() => line.close());

  /** People at all lanes, who lay in one unit after another while `disturb` runs; gives the number of units. */
  async function workWhile(disturb: () => Promise<void>): Promise<void> {
    let over = false;
    const people = line.lanes.map(async (lane) => {
      while (!over) {
        const unit = line.newUnit();
        const verdict = await line.work(lane, unit);
        assert.equal(verdict.event, 'passed', `${unit.id}: ${JSON.stringify(verdict)}`);
      }
    });
    const disturbing = disturb().finally(() => {
      over = true;
    });
    await Promise.all([disturbing, ...people]);
  }

  const momentInWork = async () => {
    const step = pick(draw, steps);
    await line.station.child.next((event) => event.event === 'step' && event.step === step);
    await delay(draw() * lateMs);
  };

  const openIntents = async () => {
    const rows = await line.authority.ledger.reader
      .selectFrom('credential')
      .select('credential_id')
      .where('status', '=', 'intended')
      .execute();
    return rows.map((row) => row.credential_id);
  };

  const uncertain: string[] = [];

  it('I-1, I-24: killed at any moment of the work and started again, it lets every unit be finished', async () => {
    await workWhile(async () => {
      for (let kill = 0; kill < killsAtSteps; kill++) {
        await momentInWork();
        await line.serve.kill9();
        uncertain.push(...(await openIntents()));
        await line.serve.start();
      }
    });
  });

  it('I-2: killed between a durable intent and its certificate, it never releases that one', async () => {
    let hits = 0;
    await workWhile(async () => {
      for (let tries = 0; hits < wantedUncertain && tries < triesForUncertain; tries++) {
        await line.until(async () => (await openIntents()).length > 0);
        await line.serve.kill9();
        const left = await openIntents();
        if (left.length > 0) hits++;
        uncertain.push(...left);
        await line.serve.start();
      }
    });
    assert.equal(hits, wantedUncertain, 'kills that fell between the two commits');
  });

  it('I-24: killed together with its station, it comes back to the same units', async () => {
    await workWhile(async () => {
      for (let kill = 0; kill < killsOfBoth; kill++) {
        await momentInWork();
        await Promise.all([line.serve.kill9(), line.station.kill9()]);
        uncertain.push(...(await openIntents()));
        await Promise.all([line.serve.start(), line.station.start()]);
      }
    });
  });

  it('I-2, I-7, I-15, I-16, I-22, I-23, I-27: log, tables and units agree on every one of them', async () => {
    const entries = await judge(line, line.unitsUsed);
    assert.equal(ofType(entries, 'job.completed').length, line.unitsUsed);
    const revoked = ofType(entries, 'credential.revoked');
    for (const credentialId of new Set(uncertain)) {
      const fate = revoked.filter(({ data }) => data.credential_id === credentialId);
      assert.deepEqual(
        fate.map(({ data }) => data.reason),
        ['intent-uncertain'],
        credentialId,
      );
    }
    assert.equal(
      ofType(entries, 'credential.issued').length,
      line.unitsUsed,
      'whoever asked twice was given the same certificate',
    );
    assert.deepEqual(
      ofType(entries, 'alarm.raised').map(({ data }) => data.kind),
      [],
    );
  });
});
