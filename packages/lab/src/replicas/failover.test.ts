/** An authority whose database's server is taken over by a real standby: before it may be written to, with every commit, and without the last ones. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { openAuthority } from 'imprint/open-authority';
import { CrashLine } from '../processes/crash-line.ts';
import { judge, readLog } from '../processes/judgement.ts';
import { type Replica, Replicas, serveInVain } from './replicas.ts';

const primary = await TestServer.start();

describe('a server that is taken over', { timeout: 120_000 }, () => {
  let line: CrashLine;
  let replicas: Replicas;
  let replica: Replica;
  let follows: TestServer;
  let lags: TestServer;
  before(async () => {
    line = await CrashLine.start({
      ...{ name: 'failover', devices: 8, lanes: 1 },
      database: await primary.database(),
    });
    follows = await primary.standby(true);
    lags = await primary.standby(false);
    replicas = new Replicas(line, primary.socket);
    replica = await replicas.add({ name: 'replica' });
    replicas.lead(replica.frontPort);
    await line.serve.stop();
    // from here on it is read over the same way
    await line.authority.close();
    line.authority = await openAuthority(replica.home);
  });
  after(async () => {
    await replicas.close();
    await line.close();
    for (const standby of [follows, lags]) await standby.dispose();
  });

  /** From now on the database's address is this server's. */
  function moveTo(server: TestServer): void {
    replica.back.target = () => server.socket;
    replica.back.unplug();
    replica.back.plug();
  }

  const checkpoint = async () => (await fetch(new URL('/checkpoint', replica.publicUrl))).text();

  it('I-1, I-16: led to the standby it serves reads and waits, and when that one is promoted it goes on, with everything', async () => {
    const [lane] = line.lanes;
    assert.equal((await line.work(lane!, line.newUnit())).event, 'passed');
    const { size } = await line.authority.ledger.head();
    // a server that is stopped in order has sent everything to its standby
    await primary.stop();
    moveTo(follows);
    const entrySize = async () => Number((await checkpoint()).split('\n')[1]);
    await line.until(async () => (await entrySize()) === size);

    const { code, errorText } = await serveInVain(replica.home);
    assert.equal(code, 1);
    assert.match(errorText, /storage_failed: the database .* can only be read from/);

    const working = line.work(lane!, line.newUnit());
    const writers = `select 1 from pg_stat_activity where application_name = 'imprint-writer'`;
    await line.until(async () => (await follows.query(writers)).length > 0);
    assert.equal(await entrySize(), size, 'nothing was written to the standby');
    await follows.query('select pg_promote()');
    assert.equal((await working).event, 'passed');
    assert.ok((await entrySize()) > size);
    await judge(line, line.unitsUsed);
  });

  it('I-16: led to a standby that lacks commits it writes nothing there and signs no checkpoint, and says why', async () => {
    const before = await readLog(line);
    await lags.query('select pg_promote()');
    moveTo(lags);
    const { unit, id } = line.newUnit();
    await line.lay(line.lanes[0]!, unit);
    const refused = await line.scan(line.lanes[0]!, id);
    assert.equal(refused?.event, 'failed');
    assert.match(String(refused?.message), /the database fell behind what was committed/);
    assert.match(await checkpoint(), /log_inconsistent/);
    const left = await readLog(line);
    assert.ok(left.length < before.length);
    assert.deepEqual(left, before.slice(0, left.length));
  });
});
