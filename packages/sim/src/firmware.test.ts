import assert from 'node:assert/strict';
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { inspect } from 'node:util';
import type { AttestedState } from '@imprint/contract/dut/statement';
import { attestBytes, proveBytes } from '@imprint/contract/dut/statement';
import { seededEntropy } from './entropy.ts';
import { Firmware } from './firmware.ts';
import { makeTestRealm, type TestRealm } from './test-realm.test-kit.ts';
import { asked, factoryConfig, hash, nonce, planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit, type UnitPlan } from './unit-plan.ts';

let realm: TestRealm;
let otherRealm: TestRealm;
before(async () => {
  realm = await makeTestRealm('dev');
  // The same names with other keys: nothing but the signatures tells the two apart.
  otherRealm = await makeTestRealm('dev');
});

async function powered(changes: Partial<UnitPlan> = {}): Promise<UnitDriver> {
  const driver = new UnitDriver(makeUnit(planFor(realm, changes), 1));
  driver.unit.powerOn();
  await driver.booted();
  return driver;
}

const sha256OfPem = (pem: string) =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

test('I-20: takes no trust anchor but the root that it pins', async () => {
  const driver = await powered();
  await driver.hello();
  const write = async (pem: string) =>
    (await driver.ask('write_trust_anchor', { trust_anchor_pem: pem })).error;
  assert.equal(await write(otherRealm.rootPem), 'wrong_root');
  assert.equal(await write(realm.intermediatePem), 'wrong_root');
  assert.equal(await write(realm.rootPem + realm.rootPem), 'bad_payload');
  assert.equal(await write('nonsense'), 'bad_payload');
  assert.equal(await write(''), 'bad_payload');
  assert.equal((await driver.must('status')).trust_anchor_sha256, null);
  assert.equal(await write(realm.rootPem), undefined);
  assert.equal((await driver.must('status')).trust_anchor_sha256, realm.rootSha256);
});

test('takes no certificate without anchor and key, under another root, for another key or for another ID', async () => {
  const driver = await powered();
  await driver.hello();
  const write = async (leaf: string, chain = realm.chainPem) =>
    (await driver.ask('write_certs', { device_cert_pem: leaf, chain_pem: chain })).error;
  const otherKey = await realm.leaf(
    'GW-1',
    new Uint8Array(new X509Certificate(realm.rootPem).publicKey.export({ format: 'der', type: 'spki' })),
  );
  assert.equal(await write(otherKey), 'not_written');
  await driver.must('write_trust_anchor', { trust_anchor_pem: realm.rootPem });
  assert.equal(await write(otherKey), 'no_key');
  const spki = await driver.makeKey();
  await driver.must('set_device_id', { device_id: 'GW-1' });
  assert.equal(await write(otherKey), 'wrong_device');
  assert.equal(await write(await realm.leaf('GW-2', spki)), 'wrong_device');
  assert.equal(await write(await otherRealm.leaf('GW-1', spki)), 'wrong_root');
  assert.equal(await write(await otherRealm.leaf('GW-1', spki), otherRealm.chainPem), 'wrong_root');
  const leaf = await realm.leaf('GW-1', spki);
  assert.equal(await write(leaf, realm.rootPem), 'wrong_root');
  assert.equal(await write(leaf, `${realm.rootPem}${realm.intermediatePem}`), 'wrong_root');
  assert.equal(await write(leaf, 'nonsense'), 'bad_payload');
  assert.equal((await driver.must('status')).certificate_sha256, null);
  assert.equal(await write(leaf, realm.intermediatePem), undefined);
  assert.equal(await write(leaf), undefined);
});

test('a certificate that is no CA’s does not pass for an issuer, however good its signature', async () => {
  const driver = await powered();
  await driver.provision(realm);
  const { spki } = driver.unit.board.keySlot.publicKey()!;
  const { leaf, chainPem } = await realm.leafOfNoCa('GW-1', spki);
  const reply = await driver.ask('write_certs', { device_cert_pem: leaf, chain_pem: chainPem });
  assert.equal(reply.error, 'wrong_root');
});

test('makes a key once, replaces it only when told, and never under a sealed lock', async () => {
  const driver = await powered();
  await driver.hello();
  const make = (replace: boolean, type = 'ec-p256') => driver.ask('generate_key', { slot: 0, type, replace });
  const first = await make(false);
  assert.equal((await make(false)).public_key_sha256, first.public_key_sha256);
  assert.equal((await make(false, 'ed25519')).error, 'key_exists');
  const second = await make(true);
  assert.notEqual(second.public_key_sha256, first.public_key_sha256);
  assert.equal(
    (await driver.ask('generate_key', { slot: 1, type: 'ec-p256', replace: false })).error,
    'bad_payload',
  );
  await driver.must('finalize', { lock_debug: true });
  assert.equal((await make(true)).error, 'sealed');
  assert.equal((await make(false)).public_key_sha256, second.public_key_sha256);
});

test('a slot refuses a type of key that it cannot make', async () => {
  const plan = planFor(realm);
  const driver = await powered({ firmware: { ...plan.firmware, keyTypes: ['ec-p256'] } });
  await driver.hello();
  const reply = await driver.ask('generate_key', { slot: 0, type: 'ed25519', replace: false });
  assert.equal(reply.error, 'refused');
});

test('a sealed unit takes no write of any kind', async () => {
  const driver = await powered();
  const leaf = await driver.provision(realm);
  await driver.must('finalize', { lock_debug: true });
  const writes: [string, Record<string, unknown>][] = [
    ['set_device_id', { device_id: 'GW-1' }],
    ['write_trust_anchor', { trust_anchor_pem: realm.rootPem }],
    ['write_factory_config', { config: factoryConfig }],
    ['write_certs', { device_cert_pem: leaf, chain_pem: realm.chainPem }],
    ['write_boot_flags', { boot_flags: { secure_boot: true } }],
  ];
  for (const [cmd, payload] of writes) assert.equal((await driver.ask(cmd, payload)).error, 'sealed', cmd);
});

test('the lock goes from open to locked to locked for ever, and never back', async () => {
  const driver = await powered();
  await driver.hello();
  const lock = async (payload: Record<string, unknown>) =>
    (await driver.must('finalize', payload)).debug_lock;
  assert.equal(await lock({ lock_debug: false }), 'open');
  assert.equal(await lock({ lock_debug: true }), 'locked');
  assert.equal(await lock({ lock_debug: true, permanent: true }), 'locked-permanently');
  assert.equal(await lock({ lock_debug: true }), 'locked-permanently');
  assert.equal(await lock({ lock_debug: false, permanent: false }), 'locked-permanently');
});

test('burns no flag where one of those named is unknown, and none that is given as false', async () => {
  const driver = await powered();
  await driver.hello();
  const burn = (boot_flags: Record<string, boolean>) => driver.ask('write_boot_flags', { boot_flags });
  assert.equal((await burn({ secure_boot: true, further: true })).error, 'bad_payload');
  assert.deepEqual((await driver.must('status')).boot_flags, { secure_boot: false, disable_jtag: false });
  await burn({ secure_boot: true, disable_jtag: false });
  assert.deepEqual((await driver.must('status')).boot_flags, { secure_boot: true, disable_jtag: false });
  await burn({ secure_boot: false });
  assert.equal(driver.unit.summary().boot_flags.secure_boot, true);
});

for (const [type, digest] of [
  ['ec-p256', 'sha256'],
  ['ec-p384', 'sha384'],
  ['ed25519', null],
] as const) {
  test(`I-27: signs with a key of type ${type} exactly what it composes from its own storage`, async () => {
    const driver = await powered();
    const leaf = await driver.provision(realm, 'GW-1', type);
    const { board } = driver.unit;
    const key = createPublicKey({
      key: Buffer.from(board.keySlot.publicKey()!.spki),
      format: 'der',
      type: 'spki',
    });
    const statement = {
      realm: 'dev',
      logId: hash('log'),
      jobId: asked.job,
      attempt: asked.attempt,
      deviceId: 'GW-1',
      hardwareUid: board.hardwareUid,
      certificateSha256: sha256OfPem(leaf),
      contractSha256: hash('contract'),
      nonce,
    };
    const proof = await driver.must('prove', asked);
    assert.equal(proof.signed_by, 'GW-1');
    assert.ok(verify(digest, proveBytes(statement), key, Buffer.from(String(proof.signature_b64), 'base64')));
    await driver.must('write_boot_flags', { boot_flags: { secure_boot: true } });
    await driver.must('finalize', { lock_debug: true });
    const attestation = await driver.must('attest', asked);
    const state: AttestedState = {
      debug_lock: 'locked',
      boot_flags: { secure_boot: true, disable_jtag: false },
      firmware_build_id: 'fw-1',
      firmware_sha256: hash('firmware'),
      rollback_counter: 4,
      boot_count: 1,
      trust_anchor_sha256: realm.rootSha256,
      factory_config_sha256: hash(factoryConfig),
      storage_map_sha256: hash('storage map'),
    };
    assert.deepEqual(attestation.state, state);
    assert.ok(
      verify(
        digest,
        attestBytes(statement, state),
        key,
        Buffer.from(String(attestation.signature_b64), 'base64'),
      ),
    );
  });
}

test('I-27: a release build signs no challenge, a development build does so in the dev realm alone', async () => {
  const challenge = { challenge_b64: Buffer.from('challenge').toString('base64') };
  const { firmware } = planFor(realm);
  for (const [image, error] of [
    [firmware, 'refused'],
    [{ ...firmware, features: ['sign-challenge'] }, undefined],
    [{ ...firmware, features: ['sign-challenge'], realm: 'prod' }, 'refused'],
  ] as const) {
    const driver = await powered({ firmware: image });
    await driver.hello();
    await driver.makeKey();
    await driver.must('set_device_id', { device_id: 'GW-1' });
    assert.equal((await driver.ask('sign_challenge', challenge)).error, error);
  }
});

test('proves nothing while an item is missing', async () => {
  const driver = await powered();
  await driver.hello();
  assert.equal((await driver.ask('prove', asked)).error, 'not_written');
  await driver.must('write_factory_config', { config: factoryConfig });
  assert.equal((await driver.ask('prove', asked)).error, 'not_written');
  assert.equal((await driver.ask('attest', asked)).error, 'not_written');
});

test('takes no configuration of another realm, and none without log and contract', async () => {
  const driver = await powered();
  await driver.hello();
  const write = async (config: string) => (await driver.ask('write_factory_config', { config })).error;
  assert.equal(await write(factoryConfig.replace('"dev"', '"prod"')), 'refused');
  assert.equal(await write('{}'), 'bad_payload');
  assert.equal(await write('nonsense'), 'bad_payload');
  assert.equal((await driver.must('status')).factory_config_sha256, null);
});

test('an item longer than its place in the storage map is too_long and leaves what was there', async () => {
  const driver = await powered({ places: [{ item: 'device_id', partition: 'nvm', maxBytes: 4 }] });
  await driver.hello();
  await driver.must('set_device_id', { device_id: 'GW-1' });
  assert.equal((await driver.ask('set_device_id', { device_id: 'GW-22' })).error, 'too_long');
  assert.equal((await driver.must('read_device_id')).device_id, 'GW-1');
});

test('a unit whose anchor or configuration is not of its build does not boot', async () => {
  const driver = await powered();
  await driver.provision(realm);
  const { board } = driver.unit;
  const image = planFor(realm).firmware;
  assert.equal(new Firmware(board, image).bootRefusal, undefined);
  for (const other of [
    { ...image, rootSha256: otherRealm.rootSha256 },
    { ...image, realm: 'prod' as const },
  ]) {
    const firmware = new Firmware(board, other);
    assert.match(firmware.bootRefusal ?? '', /boot refused/);
    for (const name of ['prove', 'attest', 'set_device_id', 'finalize', 'read_certs', 'selftest']) {
      const outcome = await firmware.execute(name, {});
      assert.ok(!outcome.ok && outcome.error === 'refused', name);
    }
    assert.ok((await firmware.execute('status', {})).ok);
  }
});

test('a torn record is named by status, refused by reads, and mended by writing again', async () => {
  const driver = await powered();
  await driver.provision(realm);
  const { board } = driver.unit;
  board.rail.arm({ after: 0, share: 0.8, burnt: false });
  driver.sendFramed({ seq: ++driver.seq, cmd: 'set_device_id', payload: { device_id: 'GW-2' } });
  await driver.booted();
  assert.equal((await driver.framed({ seq: driver.seq, cmd: 'status' })).error, 'no_session');
  await driver.hello();
  const status = await driver.must('status');
  assert.deepEqual([status.torn, status.device_id, status.boot_count], [['device_id'], null, 2]);
  assert.equal((await driver.ask('read_device_id')).error, 'storage_failed');
  assert.equal((await driver.ask('prove', asked)).error, 'storage_failed');
  assert.equal((await driver.must('selftest', { timeout_s: 1 })).passed, false);
  await driver.must('set_device_id', { device_id: 'GW-1' });
  assert.deepEqual((await driver.must('status')).torn, []);
  assert.equal((await driver.must('selftest', { timeout_s: 1 })).passed, true);
});

test('a key whose record was torn is gone, and the slot makes another', async () => {
  const driver = await powered();
  await driver.hello();
  driver.unit.board.rail.arm({ after: 0, share: 0.5, burnt: false });
  const payload = { slot: 0, type: 'ec-p256', replace: false };
  driver.sendFramed({ seq: 1, cmd: 'generate_key', payload });
  await driver.booted();
  await driver.hello();
  const status = await driver.must('status');
  assert.deepEqual([status.key, status.torn], [null, ['key']]);
  assert.ok((await driver.ask('generate_key', payload)).ok);
  assert.notEqual((await driver.must('status')).key, null);
});

test('reboot answers first, then the session is gone and the counter is one higher', async () => {
  const driver = await powered();
  await driver.hello();
  await driver.must('reboot');
  await driver.booted();
  assert.equal((await driver.framed({ seq: 2, cmd: 'status' })).error, 'no_session');
  await driver.hello();
  assert.equal((await driver.must('status')).boot_count, 2);
});

test('I-28: nothing that a unit sends or shows holds its private key', async () => {
  const driver = await powered();
  await driver.provision(realm, 'GW-1', 'ed25519');
  for (const cmd of ['status', 'read_certs', 'read_trust_anchor', 'read_factory_config', 'read_device_id']) {
    await driver.must(cmd);
  }
  for (const cmd of ['prove', 'attest']) await driver.must(cmd, asked);
  await driver.must('selftest', { timeout_s: 1 });
  const secret = Buffer.from(seededEntropy('test', 'unit 1 key')(32));
  const seen = [
    driver.output,
    inspect(driver.unit, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(driver.unit),
    JSON.stringify(driver.unit.summary()),
  ].join('\n');
  for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
    assert.ok(!seen.includes(secret.toString(encoding)), encoding);
  }
  assert.ok(!seen.includes('PrivateKeyObject'));
  assert.ok(!secret.equals(Buffer.from(seededEntropy('test', 'unit 2 key')(32))));
});

test('no property name of objects is a command', async () => {
  const driver = await powered();
  await driver.hello();
  for (const cmd of ['constructor', '__proto__', 'toString', 'erase', '']) {
    assert.equal((await driver.ask(cmd)).error, 'unknown_command', cmd);
  }
});
