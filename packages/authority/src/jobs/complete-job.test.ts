import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AttestedState } from '@imprint/contract/dut/statement';
import { addStation, contract, type Line, openLine, requestId, sensor, TestUnit } from './line.test-kit.ts';
import type { StationCaller } from './line-core.ts';
import { reportOperation } from './operations.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const zeros = '0'.repeat(64);
const flags = contract.boot_flags;

describe('sealing', () => {
  let line: Line;
  let walk: Walk;
  beforeEach(async () => {
    line = await openLine([id, second]);
    walk = await Walk.open(line, new TestUnit('u1'), id);
  });
  afterEach(() => line.close());

  test('I-25: is refused in every state before proven', async () => {
    await refuses(walk.seal(), 'job_state_wrong');
    await walk.issue();
    await refuses(walk.seal(), 'job_state_wrong');
    await walk.write();
    await refuses(walk.seal(), 'job_state_wrong');
    assert.equal((await entriesOf(line, 'job.sealed')).length, 0);
  });

  const wrong: Record<string, Partial<Pick<AttestedState, 'debug_lock' | 'boot_flags'>>> = {
    'an open lock': { debug_lock: 'open' },
    'a lock harder than the contract’s': {
      debug_lock: contract.lock_policy.debug === 'locked' ? 'locked-permanently' : 'locked',
    },
    'a flag that is not burnt': { boot_flags: { ...flags, secure_boot: !flags.secure_boot } },
    'a flag that is not there': { boot_flags: {} },
    'a flag that the contract does not know': { boot_flags: { ...flags, jtag_override: false } },
  };
  for (const [what, change] of Object.entries(wrong)) {
    test(`I-27: refuses a report of ${what}, and the same where the unit attests it`, async () => {
      await walk.issue();
      await walk.write();
      await walk.prove();
      const { debug_lock, boot_flags } = walk.state;
      const after = { debug_lock, boot_flags, ...change };
      await refuses(walk.seal({ seal: { before: after, after, acts: [] } }), 'evidence_wrong', /reported/);
      await walk.seal();
      await refuses(walk.complete({ state: { ...walk.state, ...change } }), 'evidence_wrong', /attested/);
      assert.equal((await deviceOf(line, id)).job?.state, 'sealed');
    });
  }

  test('a unit that was sealed and not completed is sealed again in words only, and then completes', async () => {
    await walk.issue();
    await walk.write();
    await walk.prove();
    await walk.seal();
    const again = await Walk.open(line, walk.unit, id);
    await again.seal();
    await again.complete();
    assert.equal((await entriesOf(line, 'job.sealed')).length, 1);
  });
});

describe('completion', () => {
  let line: Line;
  let walk: Walk;
  beforeEach(async () => {
    line = await openLine([id, second]);
    walk = await provenUnit(line, new TestUnit('u1'), id);
  });
  afterEach(() => line.close());

  const wrong: Partial<AttestedState>[] = [
    { firmware_build_id: 'gateway-evil' },
    { firmware_sha256: zeros },
    { rollback_counter: contract.firmware.rollback_counter - 1 },
    { trust_anchor_sha256: zeros },
    { factory_config_sha256: zeros },
    { storage_map_sha256: zeros },
  ];
  for (const change of wrong) {
    test(`I-27: refuses an attested ${Object.keys(change)[0]} that is not what contract and job say`, async () => {
      await walk.seal();
      await refuses(walk.complete({ state: { ...walk.state, ...change } }), 'evidence_wrong');
      assert.equal((await deviceOf(line, id)).device.completed_index, null);
      await walk.complete();
    });
  }

  test('I-27: refuses a state that the unit did not sign', async () => {
    await walk.seal();
    const signed = walk.unit.attest(walk.statement(), { ...walk.state, boot_count: 9 });
    await refuses(walk.complete({ signature_b64: signed }), 'proof_wrong');
  });

  test('I-27: a Prove signature is no attestation, and another unit’s is none either', async () => {
    await walk.seal();
    await refuses(walk.complete({ signature_b64: walk.unit.prove(walk.statement()) }), 'proof_wrong');
    const stranger = new TestUnit('u1').attest(walk.statement(), walk.state);
    await refuses(walk.complete({ signature_b64: stranger }), 'proof_wrong');
  });

  test('is refused before the unit was sealed, also under a nonce that was given to prove', async () => {
    await refuses(walk.complete(), 'job_state_wrong');
    const proveNonce = await walk.write();
    await walk.seal();
    await refuses(walk.complete({ nonce: proveNonce }), 'nonce_invalid');
  });

  test('refuses a failed self-test, the label of another device and another label mode; each may be repeated', async () => {
    await walk.seal();
    const { mode } = contract.label;
    await refuses(walk.complete({ selftest: { passed: false, checks: [] } }), 'evidence_wrong', /self-test/);
    await refuses(walk.complete({ label: { mode, scanned_back: second } }), 'evidence_wrong', /label/);
    await refuses(
      walk.complete({ label: { mode: 'at-end', scanned_back: id } }),
      'evidence_wrong',
      /label mode/,
    );
    await walk.complete();
  });

  test('happens once: a second one is refused, the same one is answered again', async () => {
    await walk.seal();
    const body = { request_id: requestId() };
    const signature_b64 = walk.unit.attest(walk.statement(), walk.state);
    const done = await walk.complete({ ...body, signature_b64 });
    assert.deepEqual(await walk.complete({ ...body, signature_b64 }), done);
    await refuses(walk.complete(), 'job_not_open');
    assert.equal((await entriesOf(line, 'job.completed')).length, 1);
  });

  test('I-14: a device that is done is not yet manufactured: it must be packed', async () => {
    await walk.seal();
    assert.deepEqual(await walk.complete(), { device_id: id, device_state: 'allocated' });
  });
});

describe('a route of two visits', () => {
  const sensorId = 'SE-100';
  let line: Line;
  let sealing: StationCaller;
  let unit: TestUnit;
  beforeEach(async () => {
    line = await openLine([sensorId], {}, 2, sensor);
    sealing = await addStation(line.record, line.core, 'st-2', 2);
    unit = new TestUnit('u1', sensor);
  });
  afterEach(() => line.close());

  const report = (operation: string, outcome: 'pass' | 'fail', caller = line.caller) =>
    reportOperation(line.core, caller, {
      request_id: requestId(),
      device_id: sensorId,
      operation,
      outcome,
      shift_id: `shift-${caller.stationId}`,
      note: null,
    });
  const sealVisit = () => Walk.open(line, unit, sensorId, { operation: 'seal' }, sealing);

  test('I-25: is not sealed before the operation between has passed, in either visit', async () => {
    const walk = await provenUnit(line, unit, sensorId);
    await refuses(walk.seal(), 'job_state_wrong', /before calibration/);
    await refuses(sealVisit(), 'job_state_wrong', /calibration/);
    await report('calibration', 'fail');
    await refuses(sealVisit(), 'job_state_wrong', /calibration/);
    await report('calibration', 'pass');
    await sealVisit();
  });

  test('I-25: on another station it proves itself again, then is sealed and done; an earlier proof is not enough', async () => {
    await provenUnit(line, unit, sensorId);
    await report('calibration', 'pass');
    const visit = await sealVisit();
    await refuses(visit.seal(), 'job_state_wrong', /not proved itself/);
    await visit.write();
    await visit.prove();
    await visit.seal();
    assert.deepEqual(await visit.complete(), { device_id: sensorId, device_state: 'allocated' });
    const [completed] = await entriesOf(line, 'job.completed');
    assert.equal(completed!.data.station_id, 'st-2');
  });

  test('operations are taken in the route’s order, and only those of the route that are others’ to report', async () => {
    await refuses(report('calibration', 'pass'), 'job_state_wrong');
    await provenUnit(line, unit, sensorId);
    await refuses(report('final-test', 'pass'), 'job_state_wrong', /calibration, seal/);
    for (const own of ['provision', 'seal', 'pack', 'engraving']) {
      await refuses(report(own, 'pass'), 'unknown_route');
    }
    const stranger = await addStation(line.record, line.core, 'st-9', 1);
    await refuses(report('calibration', 'pass', stranger), 'not_authorized');
  });

  test('what people set aside after it was done is not reported on any more', async () => {
    const visit = await provenUnit(line, unit, sensorId);
    await report('calibration', 'pass');
    await visit.seal();
    await visit.complete();
    await line.record({
      type: 'device.transitioned',
      actor: { kind: 'person', id: 'tester' },
      data: { device_id: sensorId, from: 'allocated', to: 'quarantined', reason: 'dropped' },
    });
    await refuses(report('final-test', 'pass'), 'device_quarantined');
  });

  test('a finished unit of a one-visit route ignores a visit to seal', async () => {
    const one = await openLine([id]);
    const done = await doneUnit(one, new TestUnit('u2'), id);
    const again = await Walk.open(one, done.unit, id, { operation: 'seal' });
    assert.deepEqual([again.jobId, again.attempt], [done.jobId, 1]);
    await one.close();
  });
});
