import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Signer } from '../signer/signer.ts';
import { closeStaleIntents } from './close-stale-intents.ts';
import { CredentialIssuing, type IssueRequest } from './issue-credential.ts';
import { type Line, openLine, requestId, signingWith, TestUnit } from './line.test-kit.ts';
import { presentedKey } from './presented-key.ts';
import { quarantineJob } from './quarantine.ts';
import { deviceOf, entriesOf, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const id = 'GW-T100';
const leaseMs = 5_000;

/** A second process on the same ledger, whose signer does what the test says. */
function process(
  line: Line,
  processId: string,
  sign: (real: Signer, message: Uint8Array) => Promise<Uint8Array>,
) {
  const signer: Signer = {
    ...line.signer,
    custody: 'elsewhere',
    sign: (message) => sign(line.signer, message),
  };
  return new CredentialIssuing({ ...signingWith(line.core, signer), processId });
}

/** A signer that waits until the test lets it sign. */
function heldSigner() {
  let release = () => {};
  let arrived = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const called = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const sign = async (real: Signer, message: Uint8Array) => {
    arrived();
    await gate;
    return real.sign(message);
  };
  return { sign, release, called };
}

describe('an intent', () => {
  let line: Line;
  let walk: Walk;
  let request: IssueRequest;
  beforeEach(async () => {
    line = await openLine([id]);
    walk = await Walk.open(line, new TestUnit('u1'), id);
    request = { request_id: requestId(), attempt: 1, key: presentedKey(walk.unit.csr()) };
  });
  afterEach(() => line.close());

  const issueBy = (issuing: CredentialIssuing) => issuing.issue(line.caller, walk.jobId, request);
  const serials = async () =>
    Object.fromEntries((await deviceOf(line, id)).credentials.map(({ serial, status }) => [serial, status]));

  test('I-2: a signer that fails may have signed: its serial is revoked, and the retry has a new one', async () => {
    const broken = process(line, 'process-1', () =>
      Promise.reject(new ImprintError('unavailable', 'the HSM timed out')),
    );
    await refuses(issueBy(broken), 'unavailable', /HSM/);
    const [first] = await entriesOf(line, 'credential.intended');
    const issued = await issueBy(line.issuing);
    assert.notEqual(issued.serial, first!.data.serial);
    assert.deepEqual(await serials(), { [first!.data.serial]: 'revoked', [issued.serial]: 'active' });
    assert.equal(await quotaUsed(line), 1);
    const [revocation] = await entriesOf(line, 'credential.revoked');
    assert.equal(revocation!.data.reason, 'intent-uncertain');
  });

  test('while the signing key is out of reach nothing is intended, however often a station asks, and what was issued is answered', async () => {
    const lost = new ImprintError('unavailable', 'the HSM is out of reach');
    let isLost = true;
    const real = line.signers.get('device-issuing')!;
    const requireReady = () => {
      if (isLost) throw lost;
    };
    const issuing = new CredentialIssuing(signingWith(line.core, { ...real, requireReady }));
    for (let time = 0; time <= limits.keysPerJob; time++)
      await refuses(issueBy(issuing), 'unavailable', /HSM/);
    assert.deepEqual(await entriesOf(line, 'credential.intended'), []);
    isLost = false;
    const issued = await issueBy(issuing);
    isLost = true;
    assert.deepEqual(await issueBy(issuing), issued);
  });

  test('I-3: a signer that signs other bytes: nothing is released, the serial is revoked, an alarm is raised', async () => {
    const evil = process(line, 'process-1', async (real, message) => {
      const other = Uint8Array.from(message);
      other[other.length - 1]! ^= 1;
      return real.sign(other);
    });
    await refuses(issueBy(evil), 'tbs_mismatch');
    const [alarm] = await entriesOf(line, 'alarm.raised');
    assert.equal(alarm!.data.kind, 'tbs-mismatch');
    assert.deepEqual(Object.values(await serials()), ['revoked']);
    assert.equal((await entriesOf(line, 'credential.issued')).length, 0);
  });

  test('I-3: a signer that gives rubbish, nothing or another key’s signature releases nothing', async () => {
    for (const rubbish of [new Uint8Array(0), new Uint8Array(64), new Uint8Array(5_000).fill(0x30)]) {
      await refuses(issueBy(process(line, 'process-1', async () => rubbish)), 'tbs_mismatch');
    }
    assert.equal((await entriesOf(line, 'credential.issued')).length, 0);
    assert.equal((await entriesOf(line, 'alarm.raised')).length, 3);
    assert.deepEqual(Object.values(await serials()), ['revoked', 'revoked', 'revoked']);
  });

  test('I-2: another process waits for the lease, then revokes and signs anew; the late first signer releases nothing', async () => {
    const held = heldSigner();
    const late = issueBy(process(line, 'process-2', held.sign));
    await held.called;
    await refuses(issueBy(line.issuing), 'unavailable');
    line.pass(leaseMs - 1);
    await refuses(issueBy(line.issuing), 'unavailable');
    line.pass(1);
    const issued = await issueBy(line.issuing);
    held.release();
    await refuses(late, 'unavailable');
    const [first] = await entriesOf(line, 'credential.intended');
    assert.deepEqual(await serials(), { [first!.data.serial]: 'revoked', [issued.serial]: 'active' });
    assert.equal((await entriesOf(line, 'credential.issued')).length, 1);
    assert.equal(await quotaUsed(line), 1);
  });

  test('I-2: a signer that answers after its lease releases nothing, though nobody was faster', async () => {
    const held = heldSigner();
    const late = issueBy(process(line, 'process-2', held.sign));
    await held.called;
    line.pass(leaseMs);
    held.release();
    await refuses(late, 'unavailable');
    assert.deepEqual(Object.values(await serials()), ['intended']);
    assert.equal(await closeStaleIntents(line.core), 1);
    assert.deepEqual(Object.values(await serials()), ['revoked']);
  });

  test('I-13: a process does not finish an intent of another, whatever its configuration', async () => {
    const held = heldSigner();
    const first = issueBy(process(line, 'process-2', held.sign));
    await held.called;
    await refuses(issueBy(process(line, 'process-3', (real, message) => real.sign(message))), 'unavailable');
    held.release();
    const issued = await first;
    assert.deepEqual(await serials(), { [issued.serial]: 'active' });
    assert.deepEqual(await issueBy(line.issuing), issued);
  });

  test('I-2: stale intents are closed once, live ones and released ones are left', async () => {
    await issueBy(line.issuing);
    assert.equal(await closeStaleIntents(line.core), 0);
    walk.unit.rekey();
    const held = heldSigner();
    const second = new CredentialIssuing({ ...line.core, processId: 'process-2' });
    assert.ok(second);
    const waiting = process(line, 'process-2', held.sign).issue(line.caller, walk.jobId, {
      request_id: requestId(),
      attempt: 1,
      key: presentedKey(walk.unit.csr()),
    });
    await held.called;
    assert.equal(await closeStaleIntents(line.core), 0);
    line.pass(leaseMs);
    assert.equal(await closeStaleIntents(line.core), 1);
    assert.equal(await closeStaleIntents(line.core), 0);
    held.release();
    await refuses(waiting, 'unavailable');
  });

  test('I-2: a unit that is set aside while its key is signed gets nothing', async () => {
    const held = heldSigner();
    const waiting = issueBy(process(line, 'process-1', held.sign));
    await held.called;
    await quarantineJob(line.core, line.caller, walk.jobId, {
      request_id: requestId(),
      attempt: 1,
      step: 'key',
      failure_code: 'unit_swapped',
      reason: 'another unit answered',
      other_unit: null,
    });
    held.release();
    await refuses(waiting, 'unavailable');
    assert.equal((await entriesOf(line, 'credential.issued')).length, 0);
  });

  test('I-2: the same key asked for while it is signed gets the one certificate of the one signature', async () => {
    const held = heldSigner();
    let signatures = 0;
    const slow = process(line, 'process-1', (real, message) => {
      signatures++;
      return held.sign(real, message);
    });
    const first = issueBy(slow);
    await held.called;
    const second = slow.issue(line.caller, walk.jobId, { ...request, request_id: requestId() });
    held.release();
    assert.deepEqual(await first, await second);
    assert.equal(signatures, 1);
  });

  test('I-2: the key lost while another process signs the first: only the new one is ever active', async () => {
    const held = heldSigner();
    const late = issueBy(process(line, 'process-2', held.sign));
    await held.called;
    walk.unit.rekey();
    const issued = await walk.issue();
    held.release();
    await refuses(late, 'unavailable');
    const active = (await deviceOf(line, id)).credentials.filter(({ status }) => status === 'active');
    assert.deepEqual(
      active.map(({ serial }) => serial),
      [issued.serial],
    );
  });
});
