import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { grantApproval, requestApproval } from '../access/approvals.ts';
import type { Who } from '../access/authorize.ts';
import { append, draft } from '../ledger/history.test-kit.ts';
import { showDevice } from '../registry/devices.ts';
import { allowDebug, debugExceptionOf } from './debug-exception.ts';
import { jobView, receiptOf } from './job-view.ts';
import { type Line, openLine, sensor, TestUnit } from './line.test-kit.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, refuses, type Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const by = { kind: 'person', id: 'tester' } as const;
const open = (walk: Walk) => ({ ...walk.state, debug_lock: 'open' as const });

describe('a debug exception', () => {
  let line: Line;
  beforeEach(async () => {
    line = await openLine([id, second]);
  });
  afterEach(() => line.close());

  const allow = (deviceId: string, actor: typeof by | { kind: 'person'; id: string } = by) =>
    allowDebug(line.core.ledger, line.core.contracts, actor, deviceId, 'field trial');
  const seal = (walk: Walk) => {
    const { debug_lock, boot_flags } = open(walk);
    const after = { debug_lock, boot_flags };
    return walk.seal({ seal: { before: after, after, acts: [] } });
  };

  test('lets this one unit be sealed and completed with an open port, and no other', async () => {
    await allow(id);
    const other = await provenUnit(line, new TestUnit('u2'), second);
    await refuses(seal(other), 'evidence_wrong', /debug lock/);
    assert.equal((await jobView(line.core, other.jobId, 1)).debug_exception, undefined);
    const walk = await provenUnit(line, new TestUnit('u1'), id);
    assert.equal((await jobView(line.core, walk.jobId, 1)).debug_exception, true);
    await seal(walk);
    await walk.complete({ state: open(walk) });
    assert.equal((await deviceOf(line, id)).job?.state, 'done');
  });

  test('stands on the device’s record and on its receipt for ever', async () => {
    await allow(id);
    const walk = await provenUnit(line, new TestUnit('u1'), id);
    await seal(walk);
    await walk.complete({ state: open(walk) });
    const device = await showDevice(line.core.ledger.reader, id);
    assert.equal(device.debug_exception, 'person:tester');
    assert.ok(
      device.history.some(({ field, reason }) => field === 'debug_exception' && reason === 'field trial'),
    );
    const [entry] = await entriesOf(line, 'job.completed');
    assert.equal(entry!.data.debug_exception, 'person:tester');
    assert.match(await receiptOf(line.core, id), /entry_b64/);
  });

  test('a unit that is locked all the same is as its contract says, and its receipt tells of no exception', async () => {
    await allow(id);
    await doneUnit(line, new TestUnit('u1'), id);
    const [entry] = await entriesOf(line, 'job.completed');
    assert.equal(entry!.data.debug_exception, undefined);
  });

  test('is allowed before the unit is made, once, for a device that there is', async () => {
    await doneUnit(line, new TestUnit('u1'), id);
    await refuses(allow(id), 'device_already_done');
    await refuses(allow('GW-T999'), 'unknown_device');
    await allow(second);
    await refuses(allow(second), 'bad_request', /already/);
  });

  test('I-18: where acts take two people, it takes two, and the receipt names their approval', async () => {
    const founder = (account_id: string) =>
      draft('account.created', {
        account_id,
        roles: ['administrator', 'ca-officer'],
        enrolled_by: null,
        reason: 'x',
      });
    const policy = { approvals: 'required', order_limit: null, site_limits: {}, reason: 'two' } as const;
    const { ledger, entropy } = line.core;
    await append(ledger, founder('ada'), founder('ben'), draft('policy.changed', policy));
    const ada: Who = { means: 'password', actor: { kind: 'person', id: 'ada' } };
    const ben: Who = { means: 'password', actor: { kind: 'person', id: 'ben' } };
    await assert.rejects(allow(id, { kind: 'person', id: 'ada' }), (error) => {
      assert.ok(isImprintError(error, 'approval_required'));
      assert.deepEqual(error.context, { act: 'debug.exception', parameters: { device_id: id } });
      return true;
    });
    const asked = { act: 'debug.exception', parameters: { device_id: id }, reason: 'field trial' } as const;
    const { approval_id } = await requestApproval(ledger, entropy, ada, asked);
    await grantApproval(ledger, ben, approval_id, 'seen');
    assert.deepEqual(await allow(id, { kind: 'person', id: 'ada' }), { device_id: id, approval_id });
    const walk = await provenUnit(line, new TestUnit('u1'), id);
    await seal(walk);
    await walk.complete({ state: open(walk) });
    const [entry] = await entriesOf(line, 'job.completed');
    assert.equal(entry!.data.debug_exception, approval_id);
    await refuses(allow(second, { kind: 'person', id: 'ada' }), 'approval_required');
  });
});

test('a contract that says never has none: neither is one allowed, nor does one in the log open a port', async () => {
  const ids = ['EN-000001'];
  const line = await openLine(ids, {}, 2, sensor);
  const { ledger, contracts } = line.core;
  await refuses(allowDebug(ledger, contracts, by, ids[0]!, 'x'), 'bad_request', /knows no exception/);
  await append(ledger, draft('device.debug-allowed', { device_id: ids[0]!, approval_id: null, reason: 'x' }));
  assert.equal(await debugExceptionOf({ tx: ledger.reader as never }, sensor.contract, ids[0]!), null);
  await line.close();
});
