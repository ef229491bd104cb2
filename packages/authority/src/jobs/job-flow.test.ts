import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { completeJob } from './complete-job.ts';
import { jobView } from './job-view.ts';
import {
  certificateOf,
  contract,
  type Line,
  openLine,
  requestId,
  rightReadBack,
  sealedState,
  TestUnit,
  x509Of,
} from './line.test-kit.ts';
import { openJob } from './open-job.ts';
import { presentedKey } from './presented-key.ts';
import { reportSealed } from './report-sealed.ts';
import { reportWritten } from './report-written.ts';
import { submitProof } from './submit-proof.ts';

const id = 'GW-TA26000001K';

async function issueTo(line: Line, unit: TestUnit, deviceId: string) {
  const job = await openJob(line.core, line.caller, unit.openRequest(deviceId, line.shiftId));
  const issued = await line.issuing.issue(line.caller, job.job_id, {
    request_id: requestId(),
    attempt: job.attempt,
    key: presentedKey(unit.csr()),
  });
  return { ...job, issued };
}

async function makeDevice(line: Line, unit: TestUnit, deviceId: string) {
  const { job_id, attempt, issued } = await issueTo(line, unit, deviceId);
  const der = certificateOf(issued);
  const { factory_config } = await jobView(line.core, job_id, attempt);
  const given = await reportWritten(line.core, line.caller, job_id, {
    request_id: requestId(),
    attempt,
    read_back: rightReadBack(line.core, deviceId, der, issued.chain_pem, factory_config),
  });
  const prove = unit.prove(unit.statement(line.core, job_id, attempt, deviceId, given.nonce, der));
  await submitProof(line.core, line.caller, job_id, {
    request_id: requestId(),
    attempt,
    nonce: given.nonce,
    signature_b64: prove,
  });
  const open = { debug_lock: 'open' as const, boot_flags: { secure_boot: false, disable_jtag: false } };
  const state = sealedState(line.core, factory_config);
  const second = await reportSealed(line.core, line.caller, job_id, {
    request_id: requestId(),
    attempt,
    seal: {
      before: open,
      after: { debug_lock: state.debug_lock, boot_flags: state.boot_flags },
      acts: ['write_boot_flags', 'finalize'],
    },
  });
  const completed = await completeJob(line.core, line.caller, job_id, {
    request_id: requestId(),
    attempt,
    nonce: second.nonce,
    state,
    signature_b64: unit.attest(
      unit.statement(line.core, job_id, attempt, deviceId, second.nonce, der),
      state,
    ),
    selftest: { passed: true, checks: ['storage'] },
    label: { mode: contract.label.mode, scanned_back: deviceId },
    durations_ms: { key: 5 },
  });
  return { job_id, attempt, issued, completed };
}

describe('a job', () => {
  it('takes a unit from its scan to done, and its certificate carries the device ID', async () => {
    const line = await openLine([id]);
    const made = await makeDevice(line, new TestUnit('u1'), id);
    assert.equal(made.completed.device_id, id);
    assert.match(x509Of(made.issued).subject, new RegExp(`serialNumber=${id}`));
    const view = await jobView(line.core, made.job_id, made.attempt);
    assert.equal(view.state, 'done');
    assert.match(view.receipt ?? '', /imprint-receipt-v1/);
    await line.close();
  });
});
