/** Two authorities on one database, one of them on a machine whose clock is wrong: from the start, and in the middle of its work. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { CrashLine } from '../processes/crash-line.ts';
import { judge, ofType, readLog } from '../processes/judgement.ts';
import { WrongClock } from './faketime.ts';
import { type Replica, Replicas, serveInVain } from './replicas.ts';

const server = await TestServer.start();

describe('a machine whose clock is wrong', { timeout: 120_000 }, () => {
  let line: CrashLine;
  let replicas: Replicas;
  let wrong: Replica;
  let clock: WrongClock;
  before(async () => {
    line = await CrashLine.start({
      ...{ name: 'clock', devices: 8, lanes: 1 },
      database: await server.database(),
    });
    clock = new WrongClock(join(line.home, 'clock'), 0);
    replicas = new Replicas(line, server.socket);
    wrong = await replicas.add({ name: 'wrong', environment: clock.environment });
  });
  after(async () => {
    await replicas.close();
    await line.close();
  });

  async function workUnit() {
    const { unit, id } = line.newUnit();
    return line.work(line.lanes[0]!, { unit, id });
  }

  /** What an authority publishes by itself it writes when it is due, and not for a unit. */
  const headOf = async () =>
    (await readLog(line)).filter(({ type }) => !/^(?:crl|responder)\./.test(type)).length;

  for (const [offSeconds, words] of [
    [3_600, 'ahead of'],
    [-3_600, 'behind'],
  ] as const) {
    it(`I-8: started an hour ${words} the database’s server, it says so, writes nothing and serves nobody`, async () => {
      const { home } = await replicas.home(`off-${offSeconds}`);
      const off = new WrongClock(join(line.home, `off-${offSeconds}.clock`), offSeconds);
      const before = await headOf();
      const { code, errorText } = await serveInVain(home, off.environment);
      assert.equal(code, 1);
      assert.match(
        errorText,
        new RegExp(`clock_untrusted: .*(3600|3599)\\.\\d s ${words} the clock of the database's server`),
      );
      assert.equal(await headOf(), before);
      assert.equal((await workUnit()).event, 'passed', 'the other goes on');
    });
  }

  it('I-8: its clock gone wrong at work, it writes nothing and is read from, stations are led on, and it goes on when it is right', async () => {
    replicas.lead(wrong.frontPort);
    assert.equal((await workUnit()).event, 'passed');
    const [owner] = ofType(await readLog(line), 'credential.issued')
      .map(({ actor }) => actor.id)
      .slice(-1);
    clock.set(10);
    const before = await headOf();
    const { unit, id } = line.newUnit();
    await line.lay(line.lanes[0]!, unit);
    const refused = await line.scan(line.lanes[0]!, id);
    assert.deepEqual([refused?.event, refused?.consequence], ['failed', 'retry']);
    assert.match(String(refused?.message), /10\.\d s ahead of the clock of the database's server/);
    assert.equal(await headOf(), before);
    assert.equal((await fetch(new URL('/checkpoint', wrong.publicUrl))).status, 200);

    replicas.lead(wrong.frontPort, line.stationPort);
    const done = await line.scan(line.lanes[0]!, id);
    assert.equal(done?.event, 'passed', `the first scan with another one in reach: ${JSON.stringify(done)}`);
    await line.lift(line.lanes[0]!);

    clock.set(0);
    replicas.lead(wrong.frontPort);
    assert.equal((await workUnit()).event, 'passed');
    assert.equal(
      ofType(await readLog(line), 'credential.issued').at(-1)!.actor.id,
      owner,
      'without a restart',
    );
  });

  it('I-8, I-15, I-16: nothing in the log bears the wrong time, and nobody is halted', async () => {
    const entries = await judge(line, line.unitsUsed);
    assert.ok(entries.every(({ at }) => Date.parse(at) <= Date.now()));
    assert.deepEqual(ofType(entries, 'alarm.raised'), []);
  });
});
