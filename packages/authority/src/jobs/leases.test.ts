import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { limits } from '@imprint/contract/limits';
import { closeOrder } from '../registry/orders.ts';
import { jobView } from './job-view.ts';
import { addStation, type Line, openLine, requestId, TestUnit } from './line.test-kit.ts';
import { deviceOf, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const person = { kind: 'person', id: 'tester' } as const;

describe('the lease of a job', () => {
  let line: Line;
  let walk: Walk;
  beforeEach(async () => {
    line = await openLine([id, second]);
    walk = await Walk.open(line, new TestUnit('u1'), id);
  });
  afterEach(() => line.close());

  test('I-30: is over by the authority’s clock, to the millisecond, for every step', async () => {
    line.pass(limits.jobLeaseMs - 1);
    await walk.issue();
    line.pass(1);
    await refuses(walk.issue(), 'job_not_open', /ran out/);
    await refuses(walk.write(), 'job_not_open');
    await refuses(walk.seal(), 'job_not_open');
    const again = await Walk.open(line, walk.unit, id);
    await again.write();
    line.pass(limits.jobLeaseMs);
    await refuses(again.prove(), 'job_not_open');
  });

  test('a retry after it is over still gets what was decided in time', async () => {
    const body = { request_id: requestId(), csr_b64: walk.unit.csr() };
    const issued = await walk.issue(body);
    line.pass(limits.jobLeaseMs);
    assert.deepEqual(await walk.issue(body), issued);
  });

  test('I-21: an order that is closed lets its open job finish within its lease', async () => {
    await closeOrder(line.core.ledger, person, 'order-1', 'enough');
    await walk.issue();
    await walk.write();
    await walk.prove();
    await walk.seal();
    await walk.complete();
    assert.equal((await deviceOf(line, id)).job?.state, 'done');
    await refuses(Walk.open(line, new TestUnit('u2'), second), 'order_closed');
  });

  test('I-21: the lease of a job of a closed order is not made longer by scanning again', async () => {
    const { lease_expires_at } = await jobView(line.core, walk.jobId, 1);
    await closeOrder(line.core.ledger, person, 'order-1', 'enough');
    line.pass(limits.jobLeaseMs - 1_000);
    const again = await Walk.open(line, walk.unit, id);
    assert.equal((await jobView(line.core, again.jobId, again.attempt)).lease_expires_at, lease_expires_at);
    await again.issue();
    line.pass(1_000);
    await refuses(again.issue(), 'job_not_open');
    await refuses(Walk.open(line, walk.unit, id), 'order_closed');
  });

  test('goes to another station with the unit; the first one is out', async () => {
    const other = await addStation(line.record, line.core, 'st-2', 1);
    await walk.issue();
    const there = await Walk.open(line, walk.unit, id, {}, other);
    assert.deepEqual([there.jobId, there.attempt], [walk.jobId, 2]);
    await refuses(walk.write(), 'job_not_open');
    await there.write();
    await there.prove();
  });
});
