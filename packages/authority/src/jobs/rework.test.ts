/** A device that came back, or was let out of quarantine, on the line: a new job, key and certificate; what it was stays known. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { reopenBytes } from '@imprint/contract/dut/statement';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { sha256Hex } from '@imprint/contract/hash';
import { proveDevice } from '../audit/prove.ts';
import { verifyLog } from '../audit/verify.ts';
import { bring, lifecycleCore } from '../lifecycle/lifecycle.test-kit.ts';
import { type Destination, transitionDevice } from '../lifecycle/transition.ts';
import { showOrder } from '../registry/order-view.ts';
import { openCheck, recordCheck } from './checks.ts';
import { jobView } from './job-view.ts';
import { addStation, gateway, type Line, openLine, productOf, requestId, TestUnit } from './line.test-kit.ts';
import type { StationCaller } from './line-core.ts';
import { reportOperation } from './operations.ts';
import { quarantineJob } from './quarantine.ts';
import { deviceOf, doneUnit, entriesOf, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const lead = { kind: 'person', id: 'lead' } as const;

let line: Line;
let packing: StationCaller;

async function begin(text = gateway.text, order = {}) {
  line = await openLine([id, second], order, 2, productOf(text));
  packing = await addStation(line.record, line.core, 'st-2', 2);
}
beforeEach(() => begin());
afterEach(async () => {
  const { findings } = await verifyLog(line.core.ledger.reader, { realm: 'dev' });
  assert.deepEqual(findings, []);
  await line.close();
});

const move = (to: Destination, deviceId: string = id) =>
  transitionDevice(line.core.ledger, lifecycleCore(line, true), {
    by: lead,
    deviceId,
    to,
    reason: `RMA 7: ${to}`,
  });

const unitOf = (name: string) => new TestUnit(name, line.product);

/** Proves the finished unit once more on the other station, which makes it manufactured. */
async function pack(walk: Walk): Promise<void> {
  const { nonce, check_id } = await openCheck(line.core, packing, {
    request_id: requestId(),
    purpose: 'pack',
    device_id: walk.deviceId,
    hardware_uid: walk.unit.hardwareUid,
    where: { lane: 1, carrier: null, position: null },
    shift_id: 'shift-st-2',
  });
  await recordCheck(line.core, packing, check_id, {
    request_id: requestId(),
    nonce,
    signature_b64: walk.unit.prove(walk.statement({ jobId: check_id, attempt: 1, nonce })),
    selftest_passed: true,
    failure_code: null,
  });
}

/** A unit that was made, shipped and came back. */
async function returnedUnit(name = 'u1'): Promise<Walk> {
  const walk = await doneUnit(line, unitOf(name), id);
  await pack(walk);
  for (const to of ['stocked', 'shipped', 'returned'] as const) await move(to);
  return walk;
}

async function refurbish(walk: Walk): Promise<Walk> {
  walk.unit.rekey();
  return doneUnit(line, walk.unit, id);
}

const stateOf = async (deviceId: string = id) => (await deviceOf(line, deviceId)).device.state;

describe('a unit that came back', () => {
  test('is made anew: another job, key and certificate, and its number, history and count of returns stay', async () => {
    const first = await returnedUnit();
    const before = await deviceOf(line, id);
    await move('refurbished');
    const again = await refurbish(first);
    assert.notEqual(again.jobId, first.jobId);
    assert.equal(await stateOf(), 'refurbished');
    await pack(again);

    const { device, credentials } = await deviceOf(line, id);
    assert.equal(device.state, 'manufactured');
    assert.equal(device.rma_count, 1);
    assert.equal(device.manufactured_at, before.device.manufactured_at);
    assert.ok(device.completed_index! > before.device.completed_index!);
    assert.deepEqual(
      credentials.map(({ status, revocation_reason, job_id }) => [status, revocation_reason, job_id]),
      [
        ['revoked', 'custody-lost', first.jobId],
        ['active', null, again.jobId],
      ],
    );
    assert.notEqual(credentials[0]!.public_key_sha256, credentials[1]!.public_key_sha256);
  });

  test('I-23: consumes no quota, also of an order that is full and closed', async () => {
    const first = await returnedUnit();
    await doneUnit(line, unitOf('u2'), second);
    assert.equal(await quotaUsed(line), 2);
    await line.record({
      type: 'order.closed',
      actor: lead,
      data: { order_id: 'order-1', reason: 'lot complete' },
    });
    await move('refurbished');
    await refurbish(first);
    assert.equal(await quotaUsed(line), 2);
  });

  test('I-23: is no part of the share of the station that makes it anew', async () => {
    await line.close();
    await begin(gateway.text, { station_share: 1 });
    await doneUnit(line, unitOf('u1'), second);
    const first = await doneUnit(line, unitOf('u2'), id, {}, packing);
    await bring(line, id, 'returned', 'refurbished');
    await refurbish(first);
    assert.equal(await quotaUsed(line), 2);
  });

  test('is counted once in the yield of its order, as it was made at first', async () => {
    const first = await returnedUnit();
    await move('refurbished');
    first.unit.rekey();
    await Walk.open(line, first.unit, id);
    await refurbish(first);
    const { jobs, yield: of } = await showOrder(line.core.ledger.reader, 'order-1');
    assert.deepEqual(jobs, { open: 0, done: 1, quarantined: 0, abandoned: 0 });
    assert.deepEqual([of.ended, of.first_pass, of.retested], [1, 1, 0]);
  });

  test('has the receipt of its new job, and the former one still names the certificate of its time', async () => {
    const first = await returnedUnit();
    await move('refurbished');
    first.unit.rekey();
    const again = await Walk.open(line, first.unit, id);
    assert.equal((await jobView(line.core, again.jobId, again.attempt)).receipt, null);
    await again.issue();
    await again.write();
    await again.prove();
    await again.seal();
    await again.complete();
    const source = {
      reader: line.core.ledger.reader,
      checkpoints: line.core.checkpoints,
      realm: line.core.realm,
      intermediates: [],
    };
    assert.equal((await jobView(line.core, again.jobId, again.attempt)).receipt !== null, true);
    assert.match(await proveDevice(source, id), /imprint-receipt-v1/);
    const [was, is] = await entriesOf(line, 'job.completed');
    assert.notEqual(was!.data.certificate_sha256, is!.data.certificate_sha256);
  });

  test('is recognised before anybody accepted it, and says what to do; nothing is opened', async () => {
    const { unit } = await returnedUnit();
    const { size } = await line.core.ledger.head();
    await refuses(
      Walk.open(line, unit, id),
      'device_returned',
      /came back from the field and was not accepted/,
    );
    await refuses(Walk.open(line, unit, null), 'device_returned');
    assert.equal((await line.core.ledger.head()).size, size);
  });

  test('is accepted by the station that scans it where the contract says so', async () => {
    await line.close();
    await begin(gateway.text.replace('custody_lost: rotate', 'custody_lost: rotate, accepted_by: station'));
    const first = await returnedUnit();
    await refurbish(first);
    const moves = await entriesOf(line, 'device.transitioned');
    assert.deepEqual(
      moves.slice(-1).map(({ actor, data }) => [actor.kind, data.from, data.to]),
      [['station', 'returned', 'refurbished']],
    );
    assert.equal(await stateOf(), 'refurbished');
  });

  test('is refused where the contract scraps what came back', async () => {
    await line.close();
    await begin(gateway.text.replace('custody_lost: rotate', 'custody_lost: scrap'));
    const { unit } = await returnedUnit();
    await refuses(Walk.open(line, unit, id), 'device_returned', /is to be scrapped/);
  });

  test('I-7: the key that it had is certified for it no more', async () => {
    const { unit } = await returnedUnit();
    await move('refurbished');
    const again = await Walk.open(line, unit, id);
    await refuses(again.issue(), 'key_reused', /still holds the key that GW-T100 had before/);
    unit.rekey();
    await again.issue();
  });

  test('I-7: whatever credential it still had is revoked in the decision that intends the new one, and before it', async () => {
    const first = await doneUnit(line, unitOf('u1'), id);
    await pack(first);
    // a log in which the return itself revoked nothing
    const way = ['manufactured', 'stocked', 'shipped', 'returned', 'refurbished'] as const;
    for (const [at, from] of way.slice(0, -1).entries()) {
      await line.record({
        type: 'device.transitioned',
        actor: lead,
        data: { device_id: id, from, to: way[at + 1]!, reason: 'as it goes' },
      });
    }
    first.unit.rekey();
    const again = await Walk.open(line, first.unit, id);
    const { size } = await line.core.ledger.head();
    await again.issue();
    const types = (await entriesOf(line)).slice(size).map(({ type }) => type);
    assert.deepEqual(types, ['credential.revoked', 'credential.intended', 'credential.issued']);
  });

  test('passes its whole route again: what it passed before it left says nothing', async () => {
    const first = await returnedUnit();
    await move('refurbished');
    const early = {
      request_id: requestId(),
      device_id: id,
      operation: 'pack',
      outcome: 'pass' as const,
      shift_id: 'shift-st-2',
      note: null,
    };
    await refuses(reportOperation(line.core, packing, early), 'job_state_wrong', /since it came back/);
    await refuses(pack(first), 'job_state_wrong', /since it came back/);
    await refurbish(first);
    assert.equal(await stateOf(), 'refurbished');
  });

  test('is set aside like any other when its refurbishing fails, and is let go to be refurbished', async () => {
    const first = await returnedUnit();
    await move('refurbished');
    first.unit.rekey();
    const walk = await Walk.open(line, first.unit, id);
    await walk.issue();
    await quarantineJob(line.core, line.caller, walk.jobId, {
      request_id: requestId(),
      attempt: walk.attempt,
      step: 'write',
      failure_code: 'seal_failed',
      reason: 'it smells',
      other_unit: null,
    });
    assert.equal(await stateOf(), 'quarantined');
    assert.equal((await move('released')).to, 'refurbished');
    await refuses((await Walk.open(line, first.unit, id)).issue(), 'key_reused');
    const again = await refurbish(first);
    assert.equal(
      (await deviceOf(line, id)).credentials.filter(({ status }) => status === 'active').length,
      1,
    );
    await pack(again);
    assert.equal(await stateOf(), 'manufactured');
  });

  test('keeps its board, unless the contract allows another one; then the board that it had is set aside', async () => {
    await returnedUnit();
    await move('refurbished');
    await refuses(Walk.open(line, unitOf('spare'), id), 'unit_conflict', /belongs to another unit/);

    await line.close();
    await begin(gateway.text.replace('custody_lost: rotate', 'custody_lost: rotate, board_swap: allowed'));
    const { unit: old } = await returnedUnit();
    await move('refurbished');
    const spare = await doneUnit(line, unitOf('spare'), id);
    assert.equal((await deviceOf(line, id)).device.hardware_uid, hardwareUidText(spare.unit.hardwareUid));
    await refuses(Walk.open(line, old, id), 'device_quarantined', /another board took its place/);
    await refuses(Walk.open(line, old, second), 'device_quarantined');
    await refuses(Walk.open(line, unitOf('third'), id), 'unit_conflict');
  });

  test('I-25: the log says to the sealed unit, by its certificate and for this job alone, that it may be written anew', async () => {
    const first = await returnedUnit();
    await move('refurbished');
    const again = await Walk.open(line, first.unit, id);
    const { rework } = await jobView(line.core, again.jobId, again.attempt);
    assert.deepEqual(rework?.former_keys, [sha256Hex(first.unit.spki)]);
    const [word, ...more] = rework!.reopen;
    assert.deepEqual(more, []);
    assert.equal(word!.certificate_sha256, sha256Hex(first.der));
    const raw = Buffer.from(word!.log_key_b64, 'base64');
    assert.equal(sha256Hex(raw), line.core.logId);
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
    const said = (jobId: string) =>
      verify(
        null,
        reopenBytes({
          realm: 'dev',
          logId: line.core.logId,
          jobId,
          deviceId: id,
          hardwareUid: first.unit.hardwareUid,
          certificateSha256: sha256Hex(first.der),
        }),
        createPublicKey({ key: spki, format: 'der', type: 'spki' }),
        Buffer.from(word!.signature_b64, 'base64'),
      );
    assert.deepEqual([said(again.jobId), said(first.jobId)], [true, false]);
  });

  test('a first job is told of no former keys', async () => {
    const walk = await Walk.open(line, unitOf('u1'), id);
    await walk.issue();
    assert.equal('rework' in (await jobView(line.core, walk.jobId, walk.attempt)), false);
  });
});

test('a unit that was let out of quarantine on the line begins anew within its order, and counts once', async () => {
  const walk = await Walk.open(line, unitOf('u1'), id);
  await walk.issue();
  await move('quarantined');
  await move('released');
  const again = await refurbish(walk);
  assert.notEqual(again.jobId, walk.jobId);
  assert.equal(await quotaUsed(line), 1);
  const { jobs, yield: of } = await showOrder(line.core.ledger.reader, 'order-1');
  assert.deepEqual(jobs, { open: 0, done: 1, quarantined: 0, abandoned: 0 });
  assert.deepEqual([of.ended, of.first_pass, of.retested, of.scrapped], [1, 0, 1, 0]);
});
