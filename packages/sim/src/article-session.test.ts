import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { frameLine } from '@imprint/contract/dut/frame';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import { planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';

function articleUnit(): UnitDriver {
  const driver = new UnitDriver(
    makeUnit(planFor({ rootSha256: '0'.repeat(64) }, { protocol: 'article' }), 1),
  );
  driver.unit.powerOn();
  return driver;
}

async function plain(driver: UnitDriver, cmd: string, payload: unknown = {}) {
  return JSON.parse(await driver.raw(JSON.stringify({ cmd, payload }))) as Record<string, unknown>;
}

test('knows no command but the article’s four, framed or not', async () => {
  const driver = articleUnit();
  for (const cmd of ['status', 'generate_key', 'prove', 'constructor']) {
    assert.deepEqual(await plain(driver, cmd), { ok: false, error: 'unknown_command' });
  }
  const hello = await driver.raw(frameLine({ seq: 0, cmd: 'hello', payload: { versions: [1] } }));
  assert.deepEqual(JSON.parse(hello), { ok: false, error: 'unknown_command' });
  assert.equal(JSON.parse(await driver.raw('nonsense')).ok, false);
});

test('answers the article’s sequence in the article’s words, and prints nothing else', async () => {
  const driver = articleUnit();
  assert.deepEqual(await plain(driver, 'set_device_id', { device_id: 'SN-00012345' }), { ok: true });
  assert.deepEqual(await plain(driver, 'write_certs', { device_cert_pem: 'anything', chain_pem: '' }), {
    ok: true,
  });
  const challenge = Buffer.from('0123456789abcdef');
  const reply = await plain(driver, 'sign_challenge', { challenge_b64: challenge.toString('base64') });
  assert.deepEqual(Object.keys(reply), ['ok', 'signed_by', 'signature_b64']);
  assert.equal(reply.signed_by, 'SN-00012345');
  const request = new Pkcs10CertificateRequest(await driver.unit.requestOutOfBand());
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  assert.ok(verify('sha256', challenge, key, Buffer.from(String(reply.signature_b64), 'base64')));
  assert.deepEqual(await plain(driver, 'finalize', { lock_debug: true }), { ok: true });
  assert.equal(driver.unit.summary().debug_lock, 'locked');
  assert.equal(driver.output.split('\n').length, 5);
});

test('signs nothing before it has an ID, and refuses payloads that do not fit', async () => {
  const driver = articleUnit();
  assert.equal((await plain(driver, 'sign_challenge', { challenge_b64: 'AAAA' })).error, 'not_written');
  assert.equal((await plain(driver, 'set_device_id', { device_id: 'a b' })).error, 'bad_payload');
  assert.equal((await plain(driver, 'write_certs', {})).error, 'bad_payload');
  assert.equal((await plain(driver, 'finalize', { lock_debug: true, permanent: true })).error, 'bad_payload');
});
