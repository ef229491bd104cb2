import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { derElement, derOid, derSequence } from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { makeRequest, nested } from '../issuing/requests.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import { addStation, type Line, openLine, requestId, TestUnit } from './line.test-kit.ts';
import { presentedKey } from './presented-key.ts';
import { deviceOf, doneUnit, entriesOf, provenUnit, quotaUsed, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const base64 = (der: Uint8Array) => Buffer.from(der).toString('base64');

describe('issuing a credential', () => {
  let line: Line;
  let unit: TestUnit;
  let walk: Walk;
  beforeEach(async () => {
    line = await openLine([id, second]);
    unit = new TestUnit('u1');
    walk = await Walk.open(line, unit, id);
  });
  afterEach(() => line.close());

  test('I-1: the certificate that leaves is in the log, after its intent with the same serial and TBS hash', async () => {
    const issued = await walk.issue();
    const [intent] = await entriesOf(line, 'credential.intended');
    const [release] = await entriesOf(line, 'credential.issued');
    assert.equal(intent!.data.serial, issued.serial);
    assert.deepEqual(Buffer.from(release!.data.certificate_b64, 'base64'), Buffer.from(walk.der));
    const all = await entriesOf(line);
    assert.ok(
      all.findIndex(({ type }) => type === 'credential.intended') <
        all.findIndex(({ type }) => type === 'credential.issued'),
    );
  });

  test('I-4: serials differ, and bear 64 random bits at least', async () => {
    const first = await walk.issue();
    unit.rekey();
    const next = await walk.issue();
    assert.notEqual(first.serial, next.serial);
    assert.notEqual(first.serial.slice(-16), next.serial.slice(-16));
    assert.ok(first.serial.length >= 32);
  });

  test('I-6: what a hostile request asks for beside its key is ignored, and noted by type on the device’s record', async () => {
    const caTrue = derSequence(
      derOid('2.5.29.19'),
      derElement(0x04, derSequence(derElement(0x01, Uint8Array.of(0xff)))),
    );
    const attribute = derSequence(derOid('1.2.840.113549.1.9.14'), derElement(0x31, derSequence(caTrue)));
    const csr = makeRequest({
      key: unit.key,
      subject: encodeName([{ type: 'commonName', value: 'root-of-all-evil' }]),
      attributes: [attribute],
    });
    const issued = await walk.issue({ csr_b64: base64(csr) });
    const certificate = new X509Certificate(issued.device_cert_pem);
    assert.equal(certificate.ca, false);
    assert.match(certificate.subject, new RegExp(id));
    assert.doesNotMatch(certificate.toString(), /evil/);
    const noted = await line.core.ledger.reader
      .selectFrom('device_history')
      .select('reason')
      .where('field', '=', 'credential idevid')
      .where('reason', 'is not', null)
      .executeTakeFirstOrThrow();
    assert.match(noted.reason ?? '', /subject \(2\.5\.4\.3\).*extension 2\.5\.29\.19 was asked for/);
    assert.doesNotMatch(noted.reason ?? '', /evil/);
  });

  for (const type of ['ed25519', 'ec-p384'] as const) {
    test(`refuses a sound key of the type ${type} where the contract asks for P-256`, async () => {
      await refuses(walk.issue({ csr_b64: base64(makeRequest({ key: makeKey(type) })) }), 'key_unsupported');
      assert.equal(await quotaUsed(line), 0);
    });
  }

  test('refuses a request signed by another key, one that is no request, one that nests deep and one that is long', async () => {
    const other = new TestUnit('u2');
    await refuses(
      walk.issue({ csr_b64: base64(makeRequest({ key: other.key, spki: unit.spki })) }),
      'csr_proof_wrong',
    );
    await refuses(walk.issue({ csr_b64: 'AAAA' }), 'csr_invalid');
    await refuses(walk.issue({ csr_b64: base64(nested(500)) }), 'csr_invalid');
    await refuses(walk.issue({ csr_b64: base64(new Uint8Array(100_000)) }), 'csr_invalid');
    assert.equal((await entriesOf(line, 'credential.intended')).length, 0);
  });

  test('I-7: a key presented for two IDs sets both aside, raises an alarm and certifies nothing', async () => {
    await walk.issue();
    const thief = new TestUnit('u2');
    thief.key = unit.key;
    const other = await Walk.open(line, thief, second, { where: { lane: 2, carrier: null, position: null } });
    const body = { request_id: requestId(), csr_b64: thief.csr() };
    await refuses(other.issue(body), 'key_reused');
    await refuses(other.issue(body), 'key_reused');
    for (const deviceId of [id, second]) {
      const found = await deviceOf(line, deviceId);
      assert.deepEqual(
        [found.device.state, found.job?.state, found.unit?.quarantined],
        ['quarantined', 'quarantined', 1],
      );
    }
    assert.equal((await entriesOf(line, 'credential.issued')).length, 1);
    const [alarm] = await entriesOf(line, 'alarm.raised');
    assert.equal(alarm!.data.kind, 'foreign-identity');
  });

  test('I-7: a key of a finished device is refused elsewhere, and the finished one stays done', async () => {
    const done = await doneUnit(line, unit, id);
    const thief = new TestUnit('u2');
    thief.key = done.unit.key;
    const other = await Walk.open(line, thief, second);
    await refuses(other.issue(), 'key_reused');
    assert.equal((await deviceOf(line, id)).job?.state, 'done');
    assert.equal((await deviceOf(line, id)).credentials[0]!.status, 'active');
    assert.equal((await deviceOf(line, second)).device.state, 'quarantined');
  });

  test('I-7: two units that present one key at the same moment: at most one certificate', async () => {
    const twin = new TestUnit('u2');
    twin.key = unit.key;
    const other = await Walk.open(line, twin, second, { where: { lane: 2, carrier: null, position: null } });
    const outcomes = await Promise.allSettled([walk.issue(), other.issue()]);
    assert.ok(outcomes.filter(({ status }) => status === 'fulfilled').length <= 1);
    const serving = await line.core.ledger.reader
      .selectFrom('credential')
      .select('device_id')
      .distinct()
      .execute();
    assert.equal(serving.length, 1);
  });

  test('I-22: the same key asked for again and again, with old and new request IDs, gives the identical certificate', async () => {
    const body = { request_id: requestId(), csr_b64: unit.csr() };
    const first = await walk.issue(body);
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(await walk.issue(body), first);
      assert.deepEqual(await walk.issue(), first);
    }
    assert.equal((await entriesOf(line, 'credential.intended')).length, 1);
  });

  test('I-22: twenty retries at the same moment give one certificate and one intent', async () => {
    const body = { request_id: requestId(), csr_b64: unit.csr() };
    const all = await Promise.all([
      ...Array.from({ length: 10 }, () => walk.issue(body)),
      ...Array.from({ length: 10 }, () => walk.issue()),
    ]);
    assert.equal(new Set(all.map(({ device_cert_pem }) => device_cert_pem)).size, 1);
    assert.equal((await entriesOf(line, 'credential.intended')).length, 1);
    assert.equal((await entriesOf(line, 'credential.revoked')).length, 0);
  });

  test('I-22: a request answered from what was there binds its ID all the same', async () => {
    await walk.issue();
    const body = { request_id: requestId(), csr_b64: unit.csr() };
    await walk.issue(body);
    await refuses(walk.issue({ ...body, csr_b64: unit.csr() }), 'idempotency_conflict');
  });

  test('I-22: the retry of a reply that was lost gets its certificate though the attempt has ended', async () => {
    const body = { request_id: requestId(), csr_b64: unit.csr() };
    const first = await walk.issue(body);
    await Walk.open(line, unit, id);
    assert.deepEqual(await walk.issue(body), first);
    await refuses(walk.issue(), 'job_not_open');
  });

  test('I-23: a key lost before it was proven: the old serial is revoked first, and the quota stays', async () => {
    const first = await walk.issue();
    await walk.write();
    unit.rekey();
    const next = await walk.issue();
    const { credentials, job } = await deviceOf(line, id);
    assert.deepEqual(
      Object.fromEntries(
        credentials.map(({ serial, ...row }) => [serial, [row.status, row.revocation_reason]]),
      ),
      { [first.serial]: ['revoked', 'key-lost'], [next.serial]: ['active', null] },
    );
    assert.equal(job?.state, 'issued');
    assert.equal(await quotaUsed(line), 1);
    const types = (await entriesOf(line)).map(({ type }) => type);
    assert.ok(types.indexOf('credential.revoked') < types.lastIndexOf('credential.intended'));
  });

  test('I-7: a late duplicate of the request for a lost key does not bring that key back', async () => {
    const body = { request_id: requestId(), csr_b64: unit.csr() };
    await walk.issue(body);
    unit.rekey();
    const next = await walk.issue();
    await refuses(walk.issue(body), 'job_state_wrong', /another key/);
    const { credentials } = await deviceOf(line, id);
    assert.deepEqual(
      credentials.filter(({ status }) => status === 'active').map(({ serial }) => serial),
      [next.serial],
    );
  });

  test('I-26: a key lost after it was proven is not replaced; the proven one may still be asked for', async () => {
    const proven = await provenUnit(line, unit, id);
    const other = new TestUnit('u1');
    await refuses(proven.issue({ csr_b64: other.csr() }), 'job_state_wrong', /proven another key/);
    await proven.issue();
    await proven.seal();
    await refuses(proven.issue({ csr_b64: other.csr() }), 'job_state_wrong');
    assert.equal((await entriesOf(line, 'credential.intended')).length, 1);
  });

  test('another station, another attempt and a job that is not there are refused', async () => {
    const stranger = await addStation(line.record, line.core, 'st-2', 1);
    const request = { request_id: requestId(), attempt: 1, key: presentedKey(unit.csr()) };
    await refuses(line.issuing.issue(stranger, walk.jobId, request), 'job_not_open');
    await refuses(walk.issue({ attempt: 2 }), 'job_not_open');
    await refuses(line.issuing.issue(line.caller, 'j-none', request), 'unknown_job');
  });
});
