/** What a thief who holds a station's key, session and shift may still do, over the job flow itself. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { addStation, openLine, requestId, TestUnit } from './line.test-kit.ts';
import { openJob } from './open-job.ts';
import { presentedKey } from './presented-key.ts';
import { quarantineJob } from './quarantine.ts';

const [own, second, others] = ['GW-TA26000001K', 'GW-TA26000002H', 'GW-TA26000003F'] as const;

/** A line whose `st-1` is stolen, and a job of `st-2` in an order that is none of its business. */
async function stolen() {
  const line = await openLine([own, second], { stations: ['st-1'] });
  const { core, product, record } = line;
  const honest = await addStation(record, core, 'st-2', 2);
  const by = { kind: 'person', id: 'tester' } as const;
  const { contract, sha256 } = product;
  await record(
    {
      type: 'order.created',
      actor: by,
      data: {
        order_id: 'order-2',
        product: contract.product,
        sku: contract.skus[0]!,
        lot: 'lot-2',
        contract_sha256: sha256,
        hardware_revisions: [...contract.hardware_revisions],
        quantity: 1,
        scrap_allowance: 0,
        id_source: 'imported',
        sites: [],
        stations: ['st-2'],
        opens_at: '2026-11-01T00:00:00.000Z',
        closes_at: '2026-12-31T00:00:00.000Z',
      },
    },
    { type: 'order.ids-allocated', actor: by, data: { order_id: 'order-2', device_ids: [others] } },
  );
  const unit = new TestUnit('honest-1');
  const honestJob = await openJob(core, honest, unit.openRequest(others, 'shift-st-2'));
  const stateOf = async () =>
    (
      await core.ledger.reader
        .selectFrom('device')
        .select('state')
        .where('device_id', '=', others)
        .executeTakeFirstOrThrow()
    ).state;
  const alarms = () => core.ledger.reader.selectFrom('alarm').select(['kind', 'detail']).execute();
  return { line, unit, honest, honestJob, stateOf, alarms };
}

describe('a stolen station', () => {
  it('I-21: sets no unit of another order aside by saying that one of its own holds its ID', async () => {
    const { line, stateOf, alarms } = await stolen();
    const request = new TestUnit('thief-1').openRequest(own, line.shiftId);
    request.held.device_id = others;
    await assert.rejects(openJob(line.core, line.caller, request), (error) =>
      isImprintError(error, 'unit_conflict'),
    );
    assert.equal(await stateOf(), 'allocated');
    assert.match((await alarms())[0]!.detail, new RegExp(others));
    await line.close();
  });

  it("I-21: sets no unit of another order aside by presenting that unit's own request, overheard", async () => {
    const { line, unit, honest, honestJob, stateOf, alarms } = await stolen();
    const { core, caller, issuing } = line;
    const csr_b64 = unit.csr();
    await issuing.issue(honest, honestJob.job_id, {
      request_id: requestId(),
      attempt: 1,
      key: presentedKey(csr_b64),
    });
    const { job_id } = await openJob(core, caller, new TestUnit('t-1').openRequest(own, line.shiftId));
    await assert.rejects(
      issuing.issue(caller, job_id, { request_id: requestId(), attempt: 1, key: presentedKey(csr_b64) }),
      (error) => isImprintError(error, 'key_reused'),
    );
    assert.equal(await stateOf(), 'allocated');
    assert.match((await alarms())[0]!.detail, new RegExp(others));
    await line.close();
  });

  it('I-21: sets no unit of another order aside as the one that was mixed up with its own', async () => {
    const { line, unit, stateOf, alarms } = await stolen();
    const { core, caller } = line;
    const { job_id } = await openJob(core, caller, new TestUnit('t-1').openRequest(own, line.shiftId));
    await quarantineJob(core, caller, job_id, {
      request_id: requestId(),
      attempt: 1,
      step: 'key',
      failure_code: 'foreign_identity',
      reason: 'mixed up',
      other_unit: unit.hardwareUid,
    });
    assert.equal(await stateOf(), 'allocated');
    assert.match((await alarms())[0]!.detail, new RegExp(others));
    await line.close();
  });

  it('I-21: collects no more certificates for one ID than a unit that loses its key would need', async () => {
    const { line } = await stolen();
    const unit = new TestUnit('thief-1');
    const { job_id, attempt } = await openJob(line.core, line.caller, unit.openRequest(own, line.shiftId));
    const issue = () => {
      unit.rekey();
      return line.issuing.issue(line.caller, job_id, {
        request_id: requestId(),
        attempt,
        key: presentedKey(unit.csr()),
      });
    };
    for (let key = 0; key < limits.keysPerJob; key++) await issue();
    await assert.rejects(issue(), (error) => isImprintError(error, 'attempt_cap_reached'));
    await line.close();
  });
});
