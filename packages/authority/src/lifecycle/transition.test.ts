/** Every transition of the table by a person, what the product's policy and the second person have to say, and what follows from each. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { checkTransition, type LifecycleState, transitions } from '@imprint/contract/lifecycle';
import { verifyLog } from '../audit/verify.ts';
import { gateway, type Line, openLine, productOf, TestUnit } from '../jobs/line.test-kit.ts';
import { quarantineJob } from '../jobs/quarantine.ts';
import { revokeCredential } from '../jobs/revoke-credential.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, refuses, Walk } from '../jobs/walk.test-kit.ts';
import { dueSamples, registerSample } from '../registry/samples.ts';
import { bring, idsOf, lead, lifecycleCore, manufactured } from './lifecycle.test-kit.ts';
import { type Destination, transitionDevice } from './transition.ts';

const move = (
  line: Line,
  deviceId: string,
  to: Destination,
  reason: string | null = 'so it is',
  core = lifecycleCore(line),
) => transitionDevice(line.core.ledger, core, { by: lead, deviceId, to, reason });

const stateOf = async (line: Line, deviceId: string) => (await deviceOf(line, deviceId)).device.state;

const statusesOf = async (line: Line, deviceId: string) =>
  (await deviceOf(line, deviceId)).credentials.map(({ status, revocation_reason }) => [
    status,
    revocation_reason,
  ]);

const setAside = (line: Line, walk: Walk, code: 'proof_wrong' | 'seal_failed') =>
  quarantineJob(line.core, line.caller, walk.jobId, {
    request_id: crypto.randomUUID().replaceAll('-', ''),
    attempt: walk.attempt,
    step: 'prove',
    failure_code: code,
    reason: 'it is not well',
    other_unit: null,
  });

describe('every row of the table', () => {
  const rows = transitions.filter(({ actors }) => actors.includes('person'));
  const ids = idsOf(rows.length);
  let line: Line;
  before(async () => {
    line = await openLine(ids, {}, 64);
  });
  after(() => line.close());

  for (const [at, { from, to, reasonRequired }] of rows.entries()) {
    test(`a person takes a device from ${from} to ${to}, with actor and reason in its history`, async () => {
      const deviceId = ids[at]!;
      if (from !== 'allocated' && to !== 'allocated') {
        await doneUnit(line, new TestUnit(`unit-${deviceId}`), deviceId);
      }
      if (from === 'quarantined') await bring(line, deviceId, pastOf(to), 'quarantined');
      else await bring(line, deviceId, from);
      if (reasonRequired) await refuses(move(line, deviceId, to, null), 'bad_request', /reason is needed/);

      const moved = await move(line, deviceId, to, 'because of that');
      assert.deepEqual(moved, { device_id: deviceId, from, to, outcome: 'moved' });
      assert.equal(await stateOf(line, deviceId), to);
      const history = await line.core.ledger.reader
        .selectFrom('device_history')
        .select(['actor', 'value', 'reason'])
        .where('device_id', '=', deviceId)
        .where('field', '=', 'state')
        .orderBy('log_index')
        .execute();
      assert.deepEqual(history.at(-1), { actor: 'person:lead', value: to, reason: 'because of that' });
      const again = await move(line, deviceId, to, 'because of that');
      assert.equal(again.outcome, 'before');
    });
  }

  /** What a device must have been before it was set aside, so that it may go from there to `to`. */
  function pastOf(to: LifecycleState): LifecycleState {
    return transitions.find((row) => row.from === 'quarantined' && row.to === to)!.onlyBack ? to : 'stocked';
  }
});

describe('a transition', () => {
  const ids = idsOf(40);
  let line: Line;
  let next = 0;
  const fresh = () => ids[next++]!;
  before(async () => {
    line = await openLine(ids, {}, 64);
  });
  after(async () => {
    const { problems, findings } = await verifyLog(line.core.ledger.reader, { realm: 'dev' });
    assert.equal(problems, 0, JSON.stringify(findings));
    await line.close();
  });

  test('I-10: what the table does not name is refused, and nothing is written', async () => {
    const deviceId = fresh();
    const { size } = await line.core.ledger.head();
    await refuses(move(line, deviceId, 'shipped'), 'transition_refused', /allocated cannot become shipped/);
    await refuses(move(line, 'GW-NOBODY', 'shipped'), 'unknown_device');
    assert.equal((await line.core.ledger.head()).size, size);
  });

  for (const [to, reason] of [
    ['returned', 'custody-lost'],
    ['lost', 'lost'],
    ['scrapped', 'scrapped'],
  ] as const) {
    test(`I-7, I-14: a device that becomes ${to} has its credentials revoked, before it moves and in the same decision`, async () => {
      const { deviceId } = await manufactured(line, fresh());
      await move(line, deviceId, 'stocked');
      if (to === 'returned') await move(line, deviceId, 'shipped');
      const { size } = await line.core.ledger.head();
      await move(line, deviceId, to);
      assert.deepEqual(await statusesOf(line, deviceId), [['revoked', reason]]);
      const types = (await entriesOf(line)).slice(size).map(({ type }) => type);
      assert.equal(types[0], 'credential.revoked');
      assert.equal(types.at(-1), 'device.transitioned');
    });
  }

  test('I-5: what was intended and never issued is revoked with the rest', async () => {
    const walk = await Walk.open(line, new TestUnit('intended'), fresh());
    const hashes = {
      profile_sha256: '1'.repeat(64),
      issuer_sha256: '2'.repeat(64),
      tbs_sha256: '3'.repeat(64),
    };
    await line.record({
      type: 'credential.intended',
      actor: { kind: 'station', id: 'st-1' },
      data: {
        ...hashes,
        credential_id: 'k-intended',
        job_id: walk.jobId,
        device_id: walk.deviceId,
        profile: 'idevid',
        serial: '0badcafe0badcafe01',
        key_type: 'ec-p256',
        public_key_sha256: '4'.repeat(64),
        not_before: '2026-11-24T08:00:00.000Z',
        not_after: '9999-12-31T23:59:59.000Z',
        ignored: [],
        owner: 'process-1',
        lease_expires_at: '2026-11-24T08:00:05.000Z',
      },
    });
    await move(line, walk.deviceId, 'scrapped');
    assert.deepEqual(await statusesOf(line, walk.deviceId), [['revoked', 'scrapped']]);
  });

  test('rma_count goes up with every return, and history is kept', async () => {
    const { deviceId } = await manufactured(line, fresh());
    for (const to of ['stocked', 'shipped', 'returned'] as const) await move(line, deviceId, to);
    const { device } = await deviceOf(line, deviceId);
    assert.equal(device.rma_count, 1);
    assert.notEqual(device.completed_index, null);
  });

  test('what has no live certificate goes neither to stock nor to a customer', async () => {
    const { deviceId } = await manufactured(line, fresh());
    const { credentials } = await deviceOf(line, deviceId);
    await revokeCredential(line.core.ledger, lead, { serial: credentials[0]!.serial }, 'key-compromise');
    await refuses(move(line, deviceId, 'stocked'), 'transition_refused', /no live certificate/);
    await move(line, deviceId, 'scrapped');
  });

  test('one ID does not leave in two deliveries, and the same delivery again is no fault', async () => {
    const { deviceId } = await manufactured(line, fresh());
    await move(line, deviceId, 'stocked', null);
    await move(line, deviceId, 'shipped', 'note 1');
    assert.equal((await move(line, deviceId, 'shipped', 'note 1')).outcome, 'before');
    await refuses(move(line, deviceId, 'shipped', 'note 2'), 'transition_refused', /was shipped before/);
  });

  test('a release leads to the state that was left and nowhere else; what is not set aside is not released', async () => {
    const { deviceId } = await manufactured(line, fresh());
    await refuses(move(line, deviceId, 'released'), 'transition_refused', /only what is quarantined/);
    await move(line, deviceId, 'stocked');
    await move(line, deviceId, 'quarantined');
    assert.equal((await deviceOf(line, deviceId)).unit?.quarantined, 1);
    await refuses(move(line, deviceId, 'shipped'), 'transition_refused', /was stocked when it was set aside/);
    await refuses(move(line, deviceId, 'manufactured'), 'transition_refused', /was stocked/);
    assert.equal((await move(line, deviceId, 'released')).to, 'stocked');
    const { unit, job } = await deviceOf(line, deviceId);
    assert.deepEqual([unit?.quarantined, job?.state], [0, 'done']);
    assert.deepEqual(await statusesOf(line, deviceId), [['active', null]]);
  });

  test('what was lost and is found is not simply released: nobody knows who had it', async () => {
    const { deviceId } = await manufactured(line, fresh());
    await move(line, deviceId, 'lost');
    await move(line, deviceId, 'quarantined');
    await refuses(move(line, deviceId, 'released'), 'transition_refused', /was lost before/);
    assert.equal((await move(line, deviceId, 'returned')).to, 'returned');
  });

  test('I-18: out of a quarantine with a security code nobody releases alone', async () => {
    const walk = await provenUnit(line, new TestUnit('security'), fresh());
    await setAside(line, walk, 'proof_wrong');
    for (const to of ['released', 'allocated', 'returned'] as const)
      await refuses(move(line, walk.deviceId, to), 'approval_required', /quarantine\.release/);
    assert.equal(await stateOf(line, walk.deviceId), 'quarantined');
    await move(line, walk.deviceId, 'released', 'both looked at it', lifecycleCore(line, true));
    assert.equal(await stateOf(line, walk.deviceId), 'allocated');
  });

  test('a unit that is let go on the line begins anew: its job is over and its certificate revoked', async () => {
    const walk = await provenUnit(line, new TestUnit('mended'), fresh());
    await setAside(line, walk, 'seal_failed');
    await move(line, walk.deviceId, 'released', 'the fuse was read wrongly');
    const { device, job, unit } = await deviceOf(line, walk.deviceId);
    assert.deepEqual([device.state, job?.state, unit?.quarantined], ['allocated', 'abandoned', 0]);
    assert.deepEqual(await statusesOf(line, walk.deviceId), [['revoked', 'quarantined']]);
  });

  test('a person sets a unit aside while a station works on it: the station goes no further', async () => {
    const walk = await provenUnit(line, new TestUnit('at-work'), fresh());
    await move(line, walk.deviceId, 'quarantined', 'a smell of smoke');
    await refuses(walk.seal(), 'job_not_open');
    await refuses(Walk.open(line, walk.unit, walk.deviceId), 'device_quarantined');
  });

  test('a rework cap that is reached ends with a person who scraps the unit', async () => {
    const walk = await provenUnit(line, new TestUnit('worn-out'), fresh());
    await setAside(line, walk, 'seal_failed');
    await move(line, walk.deviceId, 'scrapped', 'failed too often');
    const { device, job, unit } = await deviceOf(line, walk.deviceId);
    assert.deepEqual([device.state, job?.state, unit?.quarantined], ['scrapped', 'abandoned', 1]);
    await refuses(Walk.open(line, walk.unit, walk.deviceId), 'device_quarantined');
  });

  test('a golden sample that is scrapped is due at no station any more', async () => {
    const { deviceId } = await manufactured(line, fresh());
    const due = async () =>
      (await dueSamples(line.core.ledger.reader, 'st-1', line.core.clock())).map(
        (sample) => sample.device_id,
      );
    await registerSample(line.core.ledger, lead, {
      device_id: deviceId,
      kind: 'golden',
      check_every_minutes: 60,
    });
    assert.deepEqual(await due(), [deviceId]);
    await move(line, deviceId, 'scrapped');
    assert.deepEqual(await due(), []);
  });

  test('a station accepts what came back only where the contract of the product lets it', async () => {
    const { deviceId } = await manufactured(line, fresh());
    for (const to of ['stocked', 'shipped', 'returned'] as const) await move(line, deviceId, to);
    const asked = {
      by: { kind: 'station', id: 'st-1' },
      deviceId,
      to: 'refurbished',
      reason: 'scanned',
    } as const;
    checkTransition('returned', 'refurbished', 'station');
    await refuses(transitionDevice(line.core.ledger, lifecycleCore(line), asked), 'device_returned');
    await move(line, deviceId, 'refurbished');
  });
});

test('where the contract scraps what came back, nobody refurbishes it', async () => {
  const text = gateway.text.replace('custody_lost: rotate', 'custody_lost: scrap');
  const line = await openLine(['GW-0001'], {}, 2, productOf(text));
  try {
    await bring(line, 'GW-0001', 'returned');
    await refuses(move(line, 'GW-0001', 'refurbished'), 'transition_refused', /refurbishes nothing/);
    await move(line, 'GW-0001', 'scrapped');
  } finally {
    await line.close();
  }
});
