import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { ProveStatement } from '@imprint/contract/dut/statement';
import { limits } from '@imprint/contract/limits';
import { type Line, openLine, requestId, TestUnit } from './line.test-kit.ts';
import { deviceOf, entriesOf, refuses, Walk } from './walk.test-kit.ts';

const [id, second] = ['GW-T100', 'GW-T200'] as const;
const zeros = '0'.repeat(64);

describe('a proof', () => {
  let line: Line;
  let unit: TestUnit;
  let walk: Walk;
  beforeEach(async () => {
    line = await openLine([id, second]);
    unit = new TestUnit('u1');
    walk = await Walk.open(line, unit, id);
    await walk.issue();
  });
  afterEach(() => line.close());

  for (const item of [
    'device_id',
    'certificate_sha256',
    'chain_sha256',
    'trust_anchor_sha256',
    'factory_config_sha256',
  ] as const) {
    test(`I-27: refuses a read-back whose ${item} is another, and gives no nonce`, async () => {
      const wrong = { ...walk.readBack, [item]: item === 'device_id' ? second : zeros };
      await refuses(walk.write({ read_back: wrong }), 'evidence_wrong', new RegExp(item));
      assert.equal((await deviceOf(line, id)).job?.state, 'issued');
      const nonces = await line.core.ledger.reader.selectFrom('nonce').selectAll().execute();
      assert.equal(nonces.length, 0);
    });
  }

  test('nothing is written before something was issued, and nothing proven before it was written', async () => {
    const other = await Walk.open(line, new TestUnit('u2'), second);
    await refuses(other.write({ read_back: walk.readBack }), 'job_state_wrong');
    await refuses(walk.prove({ nonce: zeros }), 'job_state_wrong');
  });

  const foreign: Record<string, Partial<ProveStatement>> = {
    realm: { realm: 'prod' },
    log: { logId: zeros },
    job: { jobId: 'j-other' },
    attempt: { attempt: 2 },
    device: { deviceId: second },
    hardware: { hardwareUid: [{ kind: 'mcu-uid', value: 'u9-mcu-uid' }] },
    certificate: { certificateSha256: zeros },
    contract: { contractSha256: zeros },
    nonce: { nonce: zeros },
  };
  for (const [what, change] of Object.entries(foreign)) {
    test(`I-26: refuses a signature over another ${what}`, async () => {
      await walk.write();
      await refuses(walk.prove({ signature_b64: unit.prove(walk.statement(change)) }), 'proof_wrong');
      assert.equal((await deviceOf(line, id)).job?.state, 'written');
      await walk.prove();
    });
  }

  test('I-26: refuses the signature of another key, a broken one, an empty one and one with a byte too many', async () => {
    await walk.write();
    const good = Buffer.from(unit.prove(walk.statement()), 'base64');
    const flipped = Buffer.from(good);
    flipped[flipped.length - 1]! ^= 1;
    const bad = [
      new TestUnit('u1').prove(walk.statement()),
      flipped.toString('base64'),
      Buffer.concat([good, Buffer.of(0)]).toString('base64'),
      '',
    ];
    for (const signature_b64 of bad) await refuses(walk.prove({ signature_b64 }), 'proof_wrong');
  });

  test('I-27: an Attest signature is no proof', async () => {
    await walk.write();
    await refuses(walk.prove({ signature_b64: unit.attest(walk.statement(), walk.state) }), 'proof_wrong');
  });

  test('a nonce serves once, also where both uses come at the same moment', async () => {
    await walk.write();
    const body = { signature_b64: unit.prove(walk.statement()) };
    const outcomes = await Promise.allSettled([walk.prove(body), walk.prove(body)]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await refuses(walk.prove(body), 'nonce_invalid', /used before/);
    assert.equal((await entriesOf(line, 'job.proven')).length, 1);
  });

  test('a nonce runs out by the authority’s clock', async () => {
    await walk.write();
    line.pass(limits.nonceLifeMs);
    await refuses(walk.prove(), 'nonce_invalid', /ran out/);
    await walk.write();
    line.pass(limits.nonceLifeMs - 1);
    await walk.prove();
  });

  test('refuses a nonce that nobody gave, one of another job, of another attempt and of another purpose', async () => {
    const other = await Walk.open(line, new TestUnit('u2'), second, {
      where: { lane: 2, carrier: null, position: null },
    });
    await other.issue();
    const foreignNonce = await other.write();
    const ownNonce = await walk.write();
    const proveUnder = (nonce: string) =>
      walk.prove({ nonce, signature_b64: unit.prove(walk.statement({ nonce })) });
    await refuses(proveUnder(zeros), 'nonce_invalid', /not given for this/);
    await refuses(proveUnder(foreignNonce), 'nonce_invalid', /not given for this/);
    await walk.prove();
    const attestNonce = await walk.seal();
    await refuses(proveUnder(attestNonce), 'nonce_invalid', /not given for this/);
    const again = await Walk.open(line, unit, id);
    again.nonce = ownNonce;
    await refuses(again.prove(), 'nonce_invalid', /not given for this/);
  });

  test('I-25: a proof of an earlier attempt does not let a later one seal', async () => {
    await walk.write();
    await walk.prove();
    const again = await Walk.open(line, unit, id);
    await refuses(again.seal(), 'job_state_wrong', /not proved itself in this attempt/);
    await again.write();
    await again.prove();
    await again.seal();
  });

  test('I-29: a reply lost after each commit: the same request again has the same answer, and nothing happens twice', async () => {
    const written = { request_id: requestId(), read_back: walk.readBack };
    const nonce = await walk.write(written);
    assert.equal(await walk.write(written), nonce);
    const proof = { request_id: requestId(), signature_b64: unit.prove(walk.statement()) };
    assert.deepEqual(await walk.prove(proof), { state: 'proven' });
    assert.deepEqual(await walk.prove(proof), { state: 'proven' });
    const sealRequest = { request_id: requestId() };
    const attestNonce = await walk.seal(sealRequest);
    assert.equal(await walk.seal(sealRequest), attestNonce);
    const completion = { request_id: requestId(), signature_b64: unit.attest(walk.statement(), walk.state) };
    const done = await walk.complete(completion);
    assert.deepEqual(await walk.complete(completion), done);
    for (const type of ['job.written', 'job.proven', 'job.sealed', 'job.completed'] as const) {
      assert.equal((await entriesOf(line, type)).length, 1, type);
    }
  });
});
