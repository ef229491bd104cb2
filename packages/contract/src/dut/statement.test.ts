import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCheckpoint } from '../audit/checkpoint.ts';
import { hardwareUidText } from '../hardware-uid.ts';
import {
  type AttestedState,
  attestBytes,
  type ProveStatement,
  proveBytes,
  reopenBytes,
} from './statement.ts';
import { dutVectors } from './vectors.test-kit.ts';

const { prove, attest, reopen, ed25519_public_key } = dutVectors.statements;

test('refuses a line break or any control character in every field of a statement', () => {
  for (const forged of ['x\ndebug_lock=locked', 'x\r', 'x\0', 'x\x7f', 'ü']) {
    for (const field of [
      'realm',
      'logId',
      'jobId',
      'deviceId',
      'certificateSha256',
      'contractSha256',
      'nonce',
    ]) {
      assert.throws(() => proveBytes({ ...prove.statement, [field]: forged }), TypeError, field);
    }
    for (const field of ['realm', 'logId', 'jobId', 'deviceId', 'certificateSha256']) {
      assert.throws(() => reopenBytes({ ...reopen.statement, [field]: forged }), TypeError, field);
    }
    const state = { ...attest.state, firmware_build_id: forged };
    assert.throws(() => attestBytes(attest.statement, state), TypeError);
  }
});

test('composes the bytes of the vectors', () => {
  assert.equal(Buffer.from(proveBytes(prove.statement)).toString('ascii'), prove.text);
  assert.equal(Buffer.from(attestBytes(attest.statement, attest.state)).toString('ascii'), attest.text);
  assert.equal(createHash('sha256').update(proveBytes(prove.statement)).digest('hex'), prove.sha256);
  assert.equal(createHash('sha256').update(attest.text).digest('hex'), attest.sha256);
});

test('composes the bytes of the log’s word to a sealed unit, and they are no checkpoint’s', () => {
  const bytes = reopenBytes(reopen.statement);
  assert.equal(Buffer.from(bytes).toString('ascii'), reopen.text);
  assert.equal(createHash('sha256').update(bytes).digest('hex'), reopen.sha256);
  // the same key signs both
  assert.throws(() => parseCheckpoint(`${reopen.text}\n— imprint reopen v1 AAAAAAAA\n`));
});

test('the signatures of the vectors verify by OpenSSL', () => {
  const x = Buffer.from(ed25519_public_key, 'hex').toString('base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
  for (const { text, signature_b64 } of [prove, attest, reopen]) {
    assert.ok(verify(null, Buffer.from(text), key, Buffer.from(signature_b64, 'base64')));
  }
});

test('the order in which identifiers and flags were read does not change the bytes', () => {
  const statement = { ...attest.statement, hardwareUid: [...attest.statement.hardwareUid].reverse() };
  const flags = Object.fromEntries(Object.entries(attest.state.boot_flags).reverse());
  const state = { ...attest.state, boot_flags: flags };
  assert.deepEqual(attestBytes(statement, state), attestBytes(attest.statement, attest.state));
});

const text = fc.string({
  minLength: 1,
  maxLength: 4,
  unit: fc.constantFrom('a', '=', ';', ',', ':', '0', '-'),
});
const uidPart = fc.record({
  kind: fc.constantFrom('mcu-uid', 'mac', 'mac-a', 'aa'),
  value: fc.string({ minLength: 4, maxLength: 5, unit: fc.constantFrom('a', ':', '-', '.', '_', '0') }),
});
const statement: fc.Arbitrary<ProveStatement> = fc.record(
  {
    realm: fc.constantFrom('dev', 'test', 'prod'),
    logId: text,
    jobId: text,
    attempt: fc.integer({ min: 1, max: 12 }),
    deviceId: text,
    hardwareUid: fc.uniqueArray(uidPart, { minLength: 1, maxLength: 3, selector: (part) => part.kind }),
    certificateSha256: text,
    contractSha256: text,
    nonce: text,
  },
  { noNullPrototype: true },
);
const state: fc.Arbitrary<AttestedState> = fc.record(
  {
    debug_lock: fc.constantFrom('open', 'locked', 'locked-permanently'),
    boot_flags: fc.dictionary(fc.constantFrom('a', 'a0', 'a_0', 'b'), fc.boolean(), {
      noNullPrototype: true,
    }),
    firmware_build_id: text,
    firmware_sha256: text,
    rollback_counter: fc.nat(12),
    boot_count: fc.nat(12),
    trust_anchor_sha256: text,
    factory_config_sha256: text,
    storage_map_sha256: text,
  },
  { noNullPrototype: true },
);

const meaning = (value: ProveStatement) => ({ ...value, hardwareUid: hardwareUidText(value.hardwareUid) });
const isDeepEqual = (left: unknown, right: unknown) => {
  try {
    assert.deepEqual(left, right);
    return true;
  } catch {
    return false;
  }
};

test('two different Prove statements never give the same bytes', () => {
  fc.assert(
    fc.property(statement, statement, (left, right) => {
      const same = Buffer.from(proveBytes(left)).equals(Buffer.from(proveBytes(right)));
      assert.equal(same, isDeepEqual(meaning(left), meaning(right)));
    }),
  );
});

test('a statement changed in one field gives other bytes', () => {
  fc.assert(
    fc.property(statement, statement, state, state, (left, right, leftState, rightState) => {
      const original = Buffer.from(attestBytes(left, leftState)).toString('ascii');
      for (const field of Object.keys(left) as (keyof ProveStatement)[]) {
        const changed = { ...left, [field]: right[field] };
        const same = Buffer.from(attestBytes(changed, leftState)).toString('ascii') === original;
        assert.equal(same, isDeepEqual(meaning(left), meaning(changed)), field);
      }
      for (const field of Object.keys(leftState) as (keyof AttestedState)[]) {
        const changed = { ...leftState, [field]: rightState[field] };
        const same = Buffer.from(attestBytes(left, changed)).toString('ascii') === original;
        assert.equal(same, isDeepEqual(leftState, changed), field);
      }
    }),
  );
});

test('a proof never serves as an attestation: the first line differs', () => {
  fc.assert(
    fc.property(statement, statement, state, (left, right, given) => {
      assert.notDeepEqual(proveBytes(left), attestBytes(right, given));
    }),
  );
});
