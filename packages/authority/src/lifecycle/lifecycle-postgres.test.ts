/** The life of devices on PostgreSQL: the same moves, lists and looks back, and the log says the same as the tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyLog } from '../audit/verify.ts';
import { presentJob } from '../jobs/present-job.ts';
import { credentialsOf } from '../jobs/rework.ts';
import {
  append,
  attemptStarted,
  draft,
  intended,
  jobOpened,
  opening,
  quarantined,
  transitioned,
  wholeWay,
} from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { showOrder } from '../registry/order-view.ts';
import { createPostgres } from '../storage/postgres/open-postgres.ts';
import { TestServer } from '../storage/postgres/server.test-kit.ts';
import { lead } from './lifecycle.test-kit.ts';
import { type Destination, transitionDevice } from './transition.ts';
import { type ListRequest, stockOfOrder, transitionList } from './transition-list.ts';

const ids = ['SN-00000001', 'SN-00000002', 'SN-00000003'] as const;
const [id, second, third] = ids;

test('devices are stocked, counted, shipped, returned, set aside and let go on PostgreSQL', async () => {
  const server = await TestServer.start();
  const storage = await createPostgres(await server.database(), 'dev');
  const { ledger } = testLedger(storage);
  const core = { contracts: new ContractShelf(), approved: async () => [] };
  const move = (deviceId: string, to: Destination) =>
    transitionDevice(ledger, core, { by: lead, deviceId, to, reason: `it is ${to}` });
  const list = (change: Partial<ListRequest>) => {
    const devices = [id, second].map((deviceId) => ({ deviceId, reason: null }));
    const request = { by: lead, to: 'stocked' as const, reason: 'n1', devices, count: null, dryRun: false };
    return transitionList(ledger, core, { ...request, ...change });
  };
  try {
    await append(ledger, ...opening([...ids]));
    for (const deviceId of [id, second]) {
      for (const entries of wholeWay(deviceId)) await append(ledger, ...entries);
    }
    await append(ledger, jobOpened(third), attemptStarted(third), intended(third));
    await append(ledger, ...quarantined(third));

    assert.equal((await list({})).moved, 2);
    assert.equal((await stockOfOrder(ledger, 'o-1', 'n1')).length, 2);
    await assert.rejects(list({ to: 'shipped', count: 3 }), { code: 'count_wrong' });
    assert.equal((await list({ to: 'shipped', count: 2 })).moved, 2);
    assert.equal((await stockOfOrder(ledger, 'o-1', 'n1')).length, 2);
    assert.equal((await list({ to: 'shipped', count: 2 })).before, 2);

    await move(id, 'returned');
    const device = await ledger.reader
      .selectFrom('device')
      .selectAll()
      .where('device_id', '=', id)
      .executeTakeFirstOrThrow();
    assert.equal(device.rma_count, 1);
    assert.equal(await presentJob(ledger.reader, device), undefined);
    await append(ledger, transitioned(id, 'returned', 'refurbished'));
    await append(ledger, jobOpened(id, undefined, 'j-again'), {
      ...attemptStarted(id),
      data: { ...attemptStarted(id).data, job_id: 'j-again' },
    } as ReturnType<typeof attemptStarted>);
    const again = await presentJob(ledger.reader, { ...device, job_id: 'j-again' });
    assert.equal(again?.job_id, 'j-again');
    const { own, former } = await credentialsOf(ledger.reader, again!);
    assert.deepEqual([own.length, former.map(({ status }) => status)], [0, ['revoked']]);

    assert.equal((await move(third, 'released')).to, 'allocated');
    const { jobs, yield: of } = await showOrder(ledger.reader, 'o-1');
    assert.deepEqual(jobs, { open: 0, done: 2, quarantined: 0, abandoned: 1 });
    assert.deepEqual([of.ended, of.first_pass], [3, 2]);
    await append(ledger, draft('order.closed', { order_id: 'o-1', reason: 'lot complete' }, lead));
    const { findings } = await verifyLog(ledger.reader, { realm: 'dev' });
    assert.deepEqual(findings, []);
  } finally {
    await ledger.close();
    await storage.close();
  }
});
