import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { seededEntropy } from './entropy.ts';
import { SoftwareKeySlot } from './key-slot.ts';

const types = ['ec-p256', 'ec-p384', 'ed25519'] as const;
const digests = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null } as const;

for (const type of types) {
  test(`openssl verifies the request of a slot with a key of type ${type}`, async () => {
    const slot = new SoftwareKeySlot(seededEntropy('s'));
    slot.generate(type);
    const request = await slot.certificationRequest('mcu-uid=0123');
    const options = { input: Buffer.from(request), encoding: 'utf8' as const, stdio: 'pipe' as const };
    // The exit code of this command does not tell a wrong proof from a good one: its words do.
    const { stdout, stderr } = spawnSync(
      'openssl',
      ['req', '-inform', 'DER', '-verify', '-noout', '-subject'],
      options,
    );
    assert.match(stderr, /verify OK/);
    assert.match(stdout, /mcu-uid=0123/);
    const key = execFileSync('openssl', ['req', '-inform', 'DER', '-noout', '-pubkey'], options);
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    assert.deepEqual(new Uint8Array(spki), slot.publicKey()!.spki);
  });

  test(`OpenSSL verifies what a slot with a key of type ${type} signs`, () => {
    const slot = new SoftwareKeySlot(seededEntropy('s'));
    slot.generate(type);
    const key = createPublicKey({ key: Buffer.from(slot.publicKey()!.spki), format: 'der', type: 'spki' });
    const bytes = Buffer.from('statement');
    assert.ok(verify(digests[type], bytes, key, slot.sign(bytes)));
    assert.ok(!verify(digests[type], Buffer.from('another'), key, slot.sign(bytes)));
  });
}

test('I-28: neither inspection, JSON, keys nor prototype of a slot lead to its private key', () => {
  const scalar = Buffer.from(seededEntropy('s')(32));
  const slot = new SoftwareKeySlot(seededEntropy('s'));
  slot.generate('ed25519');
  const seen = [
    inspect(slot, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(slot),
    JSON.stringify(Reflect.ownKeys(slot).map((key) => slot[key as keyof SoftwareKeySlot])),
    inspect(structuredClone(slot), { depth: 20, showHidden: true }),
  ].join('\n');
  assert.ok(!seen.includes('KeyObject') && !seen.includes('PRIVATE'));
  for (const encoding of ['hex', 'base64', 'base64url'] as const)
    assert.ok(!seen.includes(scalar.toString(encoding)));
  assert.deepEqual(Object.getOwnPropertyNames(SoftwareKeySlot.prototype).sort(), [
    'certificationRequest',
    'constructor',
    'generate',
    'publicKey',
    'sign',
  ]);
});

test('an empty slot neither signs nor requests', async () => {
  const slot = new SoftwareKeySlot(seededEntropy('s'));
  assert.equal(slot.publicKey(), undefined);
  assert.throws(() => slot.sign(new Uint8Array(1)));
  await assert.rejects(slot.certificationRequest('x'));
});

test('one seed gives one key, another seed another', () => {
  const spki = (seed: string) => {
    const slot = new SoftwareKeySlot(seededEntropy(seed));
    slot.generate('ec-p256');
    return slot.publicKey()!.spki;
  };
  assert.deepEqual(spki('a'), spki('a'));
  assert.notDeepEqual(spki('a'), spki('b'));
});

test('what a caller does to the public key that it was given does not reach the slot', () => {
  const slot = new SoftwareKeySlot(seededEntropy('s'));
  slot.generate('ed25519');
  slot.publicKey()!.spki.fill(0);
  assert.ok(slot.publicKey()!.spki.some((byte) => byte !== 0));
});
