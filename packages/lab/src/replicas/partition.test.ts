/** Two authorities on one database, and the network around one of them: cut at commits and answers, stalled in the middle of a tick, and away. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { CrashLine } from '../processes/crash-line.ts';
import { judge, ofType, readLog } from '../processes/judgement.ts';
import { seeded } from '../processes/seeded.ts';
import { isTlsData } from '../processes/wire.ts';
import { type Replica, Replicas } from './replicas.ts';

const seed = 20261124;
const lanes = 3;
const strikesOfEach = 2;
const mostUnitsInStorm = 60;
/** Of the commits of the one, and of what stations ask it. */
const shares = { back: { cut: 0.2, 'cut-reply': 0.2 }, front: { cut: 0.1, 'cut-reply': 0.1 } };
/** The server's ten seconds for who hangs, and what a busy machine adds. */
const mostWaitMs = 25_000;
const server = await TestServer.start();

const isCommit = (bytes: Buffer) => bytes.includes('commit\0');
const checkpointOf = async (url: string) => {
  const answer = await fetch(new URL('/checkpoint', url));
  return { status: answer.status, text: await answer.text() };
};

describe(`a network that parts one of two authorities from its database (seed ${seed})`, {
  timeout: 150_000,
}, () => {
  let line: CrashLine;
  let replicas: Replicas;
  let far: Replica;
  before(async () => {
    line = await CrashLine.start({
      ...{ name: 'parted', devices: mostUnitsInStorm + 20, lanes },
      database: await server.database(),
    });
    replicas = new Replicas(line, server.socket);
    far = await replicas.add({ name: 'far' });
  });
  after(async () => {
    await replicas.close();
    await line.close();
  });

  async function work(units: number, at = line.lanes): Promise<void> {
    const last = line.unitsUsed + units;
    await Promise.all(
      at.map(async (lane) => {
        while (line.unitsUsed < last) {
          const unit = line.newUnit();
          const verdict = await line.work(lane, unit);
          assert.equal(verdict.event, 'passed', `${unit.id}: ${JSON.stringify(verdict)}`);
        }
      }),
    );
  }

  const issuers = async () =>
    new Set(ofType(await readLog(line), 'credential.issued').map(({ actor }) => actor.id));

  it('I-22, I-29: what is cut from stations and database, at commits and answers, is asked again anywhere and done once', async () => {
    const draw = seeded(seed);
    const judged = ({ cut, 'cut-reply': reply }: typeof shares.back) => {
      const drawn = draw();
      if (drawn < cut) return 'cut';
      return drawn < cut + reply ? 'cut-reply' : 'pass';
    };
    far.back.judge = (bytes) => (isCommit(bytes) ? judged(shares.back) : 'pass');
    far.front.judge = (bytes) => (isTlsData(bytes) ? judged(shares.front) : 'pass');
    const struckLeast = () =>
      Math.min(...[far.back, far.front].flatMap(({ counts }) => [counts.cut, counts['cut-reply']]));
    while (struckLeast() < strikesOfEach) {
      assert.ok(line.unitsUsed < mostUnitsInStorm, `${line.unitsUsed} units, and not every strike fell`);
      // a station keeps the connections that were not cut
      replicas.lead(far.frontPort, line.stationPort);
      await work(lanes);
    }
    for (const wire of [far.back, far.front]) wire.judge = () => 'pass';
    assert.equal((await issuers()).size, 2, 'both have issued');
    const entries = await readLog(line);
    for (const type of ['job.opened', 'attempt.started', 'job.completed'] as const) {
      assert.equal(ofType(entries, type).length, line.unitsUsed, type);
    }
  });

  it('I-2, I-29: stalled between intent and certificate, with the right to write, it stops the other for ten seconds and releases nothing afterwards', async () => {
    const before = line.unitsUsed;
    replicas.lead(far.frontPort);
    far.back.judge = (bytes) => (bytes.includes('credential.issued') ? 'stall' : 'pass');
    const [lane] = line.lanes;
    const working = work(1, [lane!]);
    await line.until(async () => far.back.stalled);
    const stalledAt = performance.now();
    const [intent] = ofType(await readLog(line), 'credential.intended').slice(-1);
    assert.equal((await checkpointOf(line.publicUrl)).status, 200, 'the other is read from meanwhile');
    // as a balancer does that hears nothing
    replicas.lead(line.stationPort);
    await working;
    const waitedMs = performance.now() - stalledAt;
    assert.ok(waitedMs < mostWaitMs, `a unit waited ${waitedMs} ms for the right to write`);
    await work(3);
    assert.equal(line.unitsUsed, before + 4);
    assert.ok(far.back.stalled, 'all of that without the one');
    far.back.judge = () => 'pass';
    far.back.flow();
    replicas.lead(far.frontPort);
    await work(1, [lane!]);
    const entries = await readLog(line);
    const fate = entries.filter(
      (entry) => 'credential_id' in entry.data && entry.data.credential_id === intent!.data.credential_id,
    );
    assert.deepEqual(
      fate.map(({ type }) => type),
      ['credential.intended', 'credential.revoked'],
    );
    assert.equal(
      ofType(entries, 'credential.issued').at(-1)!.actor.id,
      intent!.data.owner,
      'it issues again',
    );
  });

  it('away from its database it says so to who reads, serves what needs none, and goes on without a restart', async () => {
    far.back.unplug();
    replicas.lead(line.stationPort);
    const [away] = await Promise.all([checkpointOf(far.publicUrl), work(2)]);
    assert.equal(away.status, 503);
    assert.equal(JSON.parse(away.text).code, 'storage_failed');
    assert.match(away.text, /cannot use its database/);
    assert.equal((await fetch(new URL('/ca/root.pem', far.publicUrl))).status, 200);
    assert.equal((await checkpointOf(line.publicUrl)).status, 200);
    far.back.plug();
    assert.equal((await checkpointOf(far.publicUrl)).text, (await checkpointOf(line.publicUrl)).text);
    replicas.lead(far.frontPort);
    await work(1);
  });

  it('I-2, I-7, I-15, I-16, I-22, I-23, I-27: log, tables and units agree', async () => {
    await judge(line, line.unitsUsed);
  });
});
