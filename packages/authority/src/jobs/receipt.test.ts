import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { verifyReceipt } from '@imprint/contract/audit/receipt';
import { fromPem } from '@imprint/contract/x509/pem';
import { receiptOf } from './job-view.ts';
import { addStation, gateway, type Line, openLine, requestId, sensor, TestUnit } from './line.test-kit.ts';
import { reportOperation } from './operations.ts';
import { doneUnit, provenUnit, Walk } from './walk.test-kit.ts';

/** What anybody finds who holds the receipt, the log's key and the root. */
async function verified({ core }: Line, deviceId: string) {
  return verifyReceipt(await receiptOf(core, deviceId), {
    logKey: parseVerifierKey(core.checkpoints.verifierKey),
    rootDer: fromPem('CERTIFICATE', core.rootPem)[0]!,
    expectedRealm: 'dev',
  });
}

test('the receipt of a unit that is done verifies offline', async () => {
  const line = await openLine(['GW-T100'], {}, 2, gateway);
  await doneUnit(line, new TestUnit('u1'), 'GW-T100');
  assert.equal((await verified(line, 'GW-T100')).keyType, 'ec-p256');
  await line.close();
});

test('so does that of a unit that was sealed at one station and completed at another', async () => {
  const line = await openLine(['GW-T100'], {}, 2, gateway);
  const other = await addStation(line.record, line.core, 'st-2', 1);
  const first = await provenUnit(line, new TestUnit('u1'), 'GW-T100');
  await first.seal();
  const again = await Walk.open(line, first.unit, 'GW-T100', {}, other);
  await again.seal();
  await again.complete();
  const { vouched } = await verified(line, 'GW-T100');
  const told = (name: string) => vouched.find(({ item }) => item === name)?.value;
  assert.deepEqual([told('station_id'), told('attest.attempt')], ['st-2', '2']);
  await line.close();
});

test('and that of an Ed25519 unit of two visits', async () => {
  const line = await openLine(['SE-100'], {}, 2, sensor);
  const unit = new TestUnit('u1', sensor);
  await provenUnit(line, unit, 'SE-100');
  await reportOperation(line.core, line.caller, {
    request_id: requestId(),
    device_id: 'SE-100',
    operation: 'calibration',
    outcome: 'pass',
    shift_id: line.shiftId,
    note: null,
  });
  const visit = await Walk.open(line, unit, 'SE-100', { operation: 'seal' });
  await visit.write();
  await visit.prove();
  await visit.seal();
  await visit.complete();
  assert.equal((await verified(line, 'SE-100')).keyType, 'ed25519');
  await line.close();
});
