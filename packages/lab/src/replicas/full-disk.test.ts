/** A line whose database's disk fills up, until not one block more fits, and gets room again. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import type { ChildEvent } from 'imprint/demo/child';
import { CrashLine } from '../processes/crash-line.ts';
import { judge, ofType } from '../processes/judgement.ts';

const mostUnits = 40;
const server = await TestServer.startOnSmallDisk('tablespace', 24);

describe('a disk that is full', { timeout: 120_000 }, () => {
  let line: CrashLine;
  before(async () => {
    const database = await server.database('tablespace small');
    line = await CrashLine.start({ name: 'full-disk', devices: mostUnits, lanes: 1, database });
  });
  after(() => line.close());

  it('I-1, I-29: what does not fit is refused and told, reads go on, and with room again work goes on without a restart', async () => {
    const [lane] = line.lanes;
    const work = async (): Promise<ChildEvent & { unit: number; id: string }> => {
      const { unit, id } = line.newUnit();
      await line.lay(lane!, unit);
      return { unit, id, ...(await line.scan(lane!, id))! };
    };
    assert.equal((await work()).event, 'passed');
    await line.lift(lane!);
    server.disk.fill();
    // a page that is not full yet still takes something
    let last = await work();
    while (last.event === 'passed') {
      await line.lift(lane!);
      last = await work();
    }
    assert.deepEqual([last.event, last.consequence], ['failed', 'retry']);
    assert.match(String(last.message), /cannot use its database/);

    const { size } = await line.authority.ledger.head();
    const checkpoint = await fetch(new URL('/checkpoint', line.publicUrl));
    assert.equal(checkpoint.status, 200);
    assert.equal((await checkpoint.text()).split('\n')[1], String(size));
    const width = Math.min(size, 256);
    const tile = await fetch(new URL(`/tile/0/000${width === 256 ? '' : `.p/${width}`}`, line.publicUrl));
    assert.equal((await tile.arrayBuffer()).byteLength, 32 * width);

    server.disk.makeRoom();
    const again = await line.scan(lane!, last.id);
    assert.equal(again?.event, 'passed', JSON.stringify(again));
    await line.lift(lane!);
    const entries = await judge(line, line.unitsUsed);
    assert.equal(ofType(entries, 'job.completed').length, line.unitsUsed);
  });
});
