/** A sealed unit takes a new identity on the word of its own log alone, for the certificate that it holds, and burns nothing for it. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { before, test } from 'node:test';
import { type ReopenStatement, reopenBytes } from '@imprint/contract/dut/statement';
import { sha256Hex } from './key-slot.ts';
import { makeTestRealm, type TestRealm } from './test-realm.test-kit.ts';
import { asked, planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit } from './unit-plan.ts';

const log = generateKeyPairSync('ed25519');
const rawOf = (key: KeyObject) => key.export({ format: 'der', type: 'spki' }).subarray(-32);
const logId = sha256Hex(rawOf(log.publicKey));
const config = JSON.stringify({ contract_sha256: '1'.repeat(64), log_id: logId, realm: 'dev' });
const makeKey = { slot: 0, type: 'ec-p256', replace: true };

let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm('dev');
});

/** A unit that was made and sealed as GW-1. */
async function sealedUnit(): Promise<UnitDriver> {
  const driver = new UnitDriver(makeUnit(planFor(realm), 1));
  driver.unit.powerOn();
  await driver.booted();
  await driver.hello();
  await write(driver);
  await driver.must('write_boot_flags', { boot_flags: { secure_boot: true, disable_jtag: true } });
  await driver.must('finalize', { lock_debug: true });
  return driver;
}

/** Key, ID, configuration and certificate, as a station writes them. */
async function write(driver: UnitDriver): Promise<void> {
  const spki = await driver.makeKey();
  await driver.must('write_trust_anchor', { trust_anchor_pem: realm.rootPem });
  await driver.must('set_device_id', { device_id: 'GW-1' });
  await driver.must('write_factory_config', { config });
  const device_cert_pem = await realm.leaf('GW-1', spki);
  await driver.must('write_certs', { device_cert_pem, chain_pem: realm.chainPem });
}

async function wordFor(driver: UnitDriver, change: Partial<ReopenStatement> = {}, key = log.privateKey) {
  const { certificate_sha256 } = await driver.must('status');
  const said: ReopenStatement = {
    realm: 'dev',
    logId,
    jobId: 'job-2',
    deviceId: 'GW-1',
    hardwareUid: driver.unit.board.hardwareUid,
    certificateSha256: String(certificate_sha256),
    ...change,
  };
  return {
    job: 'job-2',
    log_key_b64: rawOf(log.publicKey).toString('base64'),
    signature_b64: sign(null, reopenBytes(said), key).toString('base64'),
  };
}

test('I-21: a sealed unit believes no other log, and no word for another unit, ID, job, realm or certificate', async () => {
  const driver = await sealedUnit();
  const thief = generateKeyPairSync('ed25519');
  const refusals = [
    await wordFor(driver, {}, thief.privateKey),
    {
      ...(await wordFor(driver, {}, thief.privateKey)),
      log_key_b64: rawOf(thief.publicKey).toString('base64'),
    },
    { ...(await wordFor(driver)), log_key_b64: '' },
    { ...(await wordFor(driver)), job: 'job-3' },
    await wordFor(driver, { deviceId: 'GW-2' }),
    await wordFor(driver, { realm: 'prod' }),
    await wordFor(driver, { logId: '2'.repeat(64) }),
    await wordFor(driver, { certificateSha256: '3'.repeat(64) }),
    await wordFor(driver, { hardwareUid: [{ kind: 'mcu-uid', value: '0000' }] }),
  ];
  for (const word of refusals) assert.equal((await driver.ask('reopen', word)).error, 'refused');
  assert.equal((await driver.must('status')).reopened, undefined);
  assert.equal((await driver.ask('generate_key', makeKey)).error, 'sealed');
});

test('I-25: on the log’s word it makes a new key and takes a new certificate, closes again, and no fuse is touched', async () => {
  const driver = await sealedUnit();
  const before = await driver.must('status');
  const pulses = driver.unit.summary().fuse_pulses;
  const word = await wordFor(driver);
  assert.deepEqual((await driver.must('reopen', word)).reopened, 'job-2');
  await driver.must('reopen', word);
  assert.equal((await driver.ask('write_boot_flags', { boot_flags: { secure_boot: true } })).error, 'sealed');
  await driver.must('generate_key', makeKey);
  await write(driver);
  assert.equal((await driver.ask('attest', asked)).error, 'refused', 'attests while it is open');
  await driver.must('prove', asked);
  await driver.must('finalize', { lock_debug: false });
  await driver.must('attest', asked);

  const after = await driver.must('status');
  assert.equal(after.reopened, undefined);
  assert.equal(after.debug_lock, before.debug_lock);
  assert.notDeepEqual(after.key, before.key);
  assert.deepEqual(driver.unit.summary().fuse_pulses, pulses);
  assert.equal(driver.unit.summary().needless_burns, 0);
  assert.equal((await driver.ask('generate_key', makeKey)).error, 'sealed');
  assert.equal((await driver.ask('reopen', word)).error, 'refused', 'the word is spent with the certificate');
});

test('I-24: what was opened stays so over a power cut, until it is closed', async () => {
  const driver = await sealedUnit();
  await driver.must('reopen', await wordFor(driver));
  await driver.unit.powerCycle();
  await driver.booted();
  await driver.hello();
  assert.equal((await driver.must('status')).reopened, 'job-2');
  await driver.must('generate_key', makeKey);
});

test('I-24: torn as it was closed it takes no writes, and the next finalize mends the record', async () => {
  const driver = await sealedUnit();
  await driver.must('reopen', await wordFor(driver));
  driver.unit.board.rail.arm({ after: 0, share: 0.5, burnt: false });
  driver.sendFramed({ seq: ++driver.seq, cmd: 'finalize', payload: { lock_debug: false } });
  await driver.booted();
  await driver.hello();
  const torn = await driver.must('status');
  assert.deepEqual([torn.torn, torn.reopened], [['reopened'], undefined]);
  assert.equal((await driver.ask('generate_key', makeKey)).error, 'sealed');
  await driver.must('finalize', { lock_debug: false });
  assert.deepEqual((await driver.must('status')).torn, []);
  assert.equal(driver.unit.summary().needless_burns, 0);
});

test('a unit that is not sealed has nothing to reopen', async () => {
  const driver = new UnitDriver(makeUnit(planFor(realm), 1));
  driver.unit.powerOn();
  await driver.booted();
  await driver.hello();
  await write(driver);
  assert.equal((await driver.ask('reopen', await wordFor(driver))).error, 'refused');
});
