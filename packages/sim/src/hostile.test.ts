import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { type AttestedState, attestBytes, proveBytes } from '@imprint/contract/dut/statement';
import type { HostileMode } from './hostile.ts';
import { makeTestRealm, type TestRealm } from './test-realm.test-kit.ts';
import { asked, hash, planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';

let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm('dev');
});

async function hostile(mode: HostileMode): Promise<UnitDriver> {
  const driver = new UnitDriver(makeUnit(planFor(realm, { hostile: mode }), 1));
  driver.unit.powerOn();
  await driver.booted();
  return driver;
}

function statementOf(driver: UnitDriver, leaf: string, changes: { nonce?: string; deviceId?: string } = {}) {
  return {
    realm: 'dev',
    logId: hash('log'),
    jobId: asked.job,
    attempt: asked.attempt,
    deviceId: 'GW-1',
    hardwareUid: driver.unit.board.hardwareUid,
    certificateSha256: new X509Certificate(leaf).fingerprint256.replaceAll(':', '').toLowerCase(),
    contractSha256: hash('contract'),
    nonce: asked.nonce,
    ...changes,
  };
}

function verifies(leaf: string, bytes: Uint8Array, signature: unknown): boolean {
  return verify(
    'sha256',
    bytes,
    new X509Certificate(leaf).publicKey,
    Buffer.from(String(signature), 'base64'),
  );
}

test('foreign-id gives another ID in status, read-back and proof, and proves under it', async () => {
  const driver = await hostile('foreign-id');
  const leaf = await driver.provision(realm);
  const foreign = (await driver.must('read_device_id')).device_id as string;
  assert.notEqual(foreign, 'GW-1');
  assert.equal((await driver.must('status')).device_id, foreign);
  const proof = await driver.must('prove', asked);
  assert.equal(proof.signed_by, foreign);
  assert.ok(
    verifies(leaf, proveBytes(statementOf(driver, leaf, { deviceId: foreign })), proof.signature_b64),
  );
});

test('wrong-key signs what its certificate does not verify', async () => {
  const driver = await hostile('wrong-key');
  const leaf = await driver.provision(realm);
  const proof = await driver.must('prove', asked);
  assert.ok(!verifies(leaf, proveBytes(statementOf(driver, leaf)), proof.signature_b64));
});

test('replay answers with a good signature over an old nonce', async () => {
  const driver = await hostile('replay');
  const leaf = await driver.provision(realm);
  const { signature_b64 } = await driver.must('prove', asked);
  assert.ok(!verifies(leaf, proveBytes(statementOf(driver, leaf)), signature_b64));
  const old = statementOf(driver, leaf, { nonce: '0'.repeat(64) });
  assert.ok(verifies(leaf, proveBytes(old), signature_b64));
});

for (const [mode, told, attested] of [
  ['lies-in-status', 'locked', 'open'],
  ['lies-in-attest', 'open', 'locked'],
] as const) {
  test(`${mode} says ${told} in status and attests ${attested}, while the port stays open`, async () => {
    const driver = await hostile(mode);
    const leaf = await driver.provision(realm);
    await driver.must('finalize', { lock_debug: true });
    assert.equal((await driver.must('status')).debug_lock, told);
    const { state, signature_b64 } = await driver.must('attest', asked);
    assert.equal((state as AttestedState).debug_lock, attested);
    assert.ok(verifies(leaf, attestBytes(statementOf(driver, leaf), state as AttestedState), signature_b64));
    assert.equal(driver.unit.summary().debug_lock, 'open');
  });
}

test('oracle-bait signs whatever it is given', async () => {
  const driver = await hostile('oracle-bait');
  const leaf = await driver.provision(realm);
  const challenge = Buffer.from('anything at all');
  const reply = await driver.must('sign_challenge', { challenge_b64: challenge.toString('base64') });
  assert.ok(verifies(leaf, challenge, reply.signature_b64));
});

test('wrong-root, wrong-realm and old-rollback say so in hello', async () => {
  assert.notEqual((await (await hostile('wrong-root')).hello()).root_sha256, realm.rootSha256);
  assert.equal((await (await hostile('wrong-realm')).hello()).realm, 'prod');
  const { firmware } = await (await hostile('old-rollback')).hello();
  assert.equal((firmware as { rollback_counter: number }).rollback_counter, 3);
});

/** Runs `openssl req`; what it says on both outputs, since its exit code does not tell a wrong proof. */
function openssl(csr: Buffer, ...args: string[]): string {
  const { stdout, stderr } = spawnSync('openssl', ['req', '-inform', 'DER', '-noout', ...args], {
    input: csr,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

test('bad-csr gives a request that openssl reads and does not verify', async () => {
  const driver = await hostile('bad-csr');
  await driver.hello();
  const reply = await driver.must('generate_key', { slot: 0, type: 'ec-p256', replace: false });
  const csr = Buffer.from(String(reply.csr_b64), 'base64');
  assert.match(openssl(csr, '-subject'), /mcu-uid/);
  assert.match(openssl(csr, '-verify'), /verify failure/);
});

test('ca-csr asks for a CA and a further name, with a good proof', async () => {
  const driver = await hostile('ca-csr');
  await driver.hello();
  const reply = await driver.must('generate_key', { slot: 0, type: 'ec-p256', replace: false });
  const csr = Buffer.from(String(reply.csr_b64), 'base64');
  const text = openssl(csr, '-verify', '-text');
  assert.match(text, /verify OK/);
  assert.match(text, /CA:TRUE/);
  assert.match(text, /DNS:backend\.example/);
  assert.ok(createPublicKey(openssl(csr, '-pubkey')));
});

test('huge-line answers with more than anybody takes', async () => {
  const driver = await hostile('huge-line');
  assert.ok((await driver.raw('{}')).length > 64 * 1024);
});

test('endless-output sends without a newline until the power goes', async () => {
  const driver = await hostile('endless-output');
  const before = driver.output.length;
  await driver.unit.powerCycle();
  driver.unit.powerOff();
  const { output } = driver;
  assert.ok(output.length > before + 1000);
  await new Promise((resolve) => setTimeout(resolve, 12));
  assert.equal(driver.output.length, output.length);
});
