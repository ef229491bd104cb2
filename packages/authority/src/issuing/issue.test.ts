import assert from 'node:assert/strict';
import { createPublicKey, hash, type KeyObject, randomBytes, verify, X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { toHex } from '@imprint/contract/bytes';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { derSequence } from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import fc from 'fast-check';
import type { Signer } from '../signer/signer.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import {
  makeTestRealm,
  opensslText,
  opensslVerify,
  type TestRealm,
  testNow,
} from '../trust/hierarchy.test-kit.ts';
import { readCertificationRequest } from './certification-request.ts';
import { type DurableIntent, issue } from './issue.ts';
import type { Issuer } from './issuer.ts';
import { PreparedCertificate, prepareDevice, prepareStation } from './prepare.ts';
import type { DeviceFacts, DeviceProfile, DeviceTerms } from './profile.ts';
import { profileOf } from './profile.ts';
import { makeRequest, spkiOf } from './requests.test-kit.ts';
import { makeSerial } from './serial.ts';
import { stationProfile } from './station-profile.ts';

let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm();
});

const baseTerms: DeviceTerms = {
  v: 1,
  profile: 'idevid',
  realm: 'dev',
  organization: 'Example Devices',
  key_type: 'ec-p256',
  validity: 'forever',
  skew_minutes: 5,
  hardware_type_oid: '1.3.6.1.4.1.99999.1.1',
};
const profileWith = (changes: Partial<DeviceTerms> = {}): DeviceProfile =>
  profileOf({ ...baseTerms, ...changes });
const factsOf = (key: KeyObject = makeKey('ec-p256'), changes: Partial<DeviceFacts> = {}): DeviceFacts => ({
  deviceId: 'SN-00012345',
  product: 'gateway',
  site: 'berlin',
  hardwareUid: 'mcu-uid=0123ABCD;secure-element-serial=99',
  keyType: 'ec-p256',
  spki: spkiOf(key),
  ...changes,
});
const serial = () => makeSerial(testNow, randomBytes);
const prepare = (facts = factsOf(), profile = profileWith()) =>
  prepareDevice(realm.issuing, profile, facts, serial(), testNow);
const intentOf = (token: PreparedCertificate): DurableIntent => ({ ...token });
const refusal = (code: ErrorCode) => (error: unknown) => isImprintError(error, code);
const under = (issuer: Issuer) => {
  const { certificates } = realm.hierarchy;
  return issuer === realm.issuing
    ? ([certificates.issuing, certificates.root] as const)
    : ([certificates.stationCa, certificates.stationRoot] as const);
};

/** The issuer, with a signer that does something to what it is asked. */
function withSigner(sign: (honest: Signer, tbs: Uint8Array) => Promise<Uint8Array>): Issuer {
  const honest = realm.issuing.signer;
  return { ...realm.issuing, signer: { ...honest, custody: 'elsewhere', sign: (tbs) => sign(honest, tbs) } };
}

describe('issue', () => {
  test('a device certificate says what 802.1AR asks for, and openssl agrees', async () => {
    const token = prepare();
    const issued = await issue(token, realm.issuing, intentOf(token));
    const [ca, root] = under(realm.issuing);
    assert.equal(opensslVerify([issued.certificate, ca], root, 'sslclient'), '');
    const text = opensslText(issued.certificate);
    for (const line of [
      /Issuer: O = Example Devices, OU = imprint realm dev, CN = Device Issuing CA/,
      /Subject: O = Example Devices, CN = SN-00012345, serialNumber = SN-00012345/,
      /Not Before: Jan {2}9 07:55:00 2026 GMT/,
      /Not After : Dec 31 23:59:59 9999 GMT/,
      /X509v3 Authority Key Identifier: \n/,
      /X509v3 Key Usage: critical\n\s+Digital Signature\n/,
      /X509v3 Basic Constraints: critical\n\s+CA:FALSE\n/,
      /X509v3 Extended Key Usage: \n\s+TLS Web Client Authentication\n/,
      /othername: 1\.3\.6\.1\.5\.5\.7\.8\.4::<unsupported>, URI:urn:imprint:dev:SN-00012345/,
    ]) {
      assert.match(text, line);
    }
    assert.doesNotMatch(text, /Subject Key Identifier/);
    const leaf = verifyChain({
      chain: [issued.certificate, ca],
      root,
      at: testNow,
      realm: 'dev',
      purpose: 'device',
    });
    assert.equal(leaf.id, 'SN-00012345');
    assert.equal(leaf.hardwareModule?.typeOid, '1.3.6.1.4.1.99999.1.1');
    assert.equal(
      Buffer.from(leaf.hardwareModule!.serial).toString(),
      'mcu-uid=0123ABCD;secure-element-serial=99',
    );
    assert.equal(issued.certificateSha256, hash('sha256', issued.certificate, 'hex'));
  });

  test('openssl and the contract agree with a station certificate of thirty days', async () => {
    const facts = { stationId: 'line1-station.2', site: 'berlin', spki: spkiOf(makeKey('ec-p384')) };
    const token = prepareStation(
      realm.stationCa,
      stationProfile('Example Devices', 'dev'),
      facts,
      serial(),
      testNow,
    );
    const { certificate } = await issue(token, realm.stationCa, intentOf(token));
    const [ca, root] = under(realm.stationCa);
    assert.equal(opensslVerify([certificate, ca], root, 'sslclient'), '');
    const leaf = verifyChain({
      chain: [certificate, ca],
      root,
      at: testNow,
      realm: 'dev',
      purpose: 'station',
    });
    assert.equal(leaf.id, 'line1-station.2');
    assert.equal(leaf.certificate.notAfter, '2026-02-08T07:55:00.000Z');
  });

  test('any ID, hardware, key type and term gives a certificate that openssl and the contract accept', async () => {
    const keys = {
      'ec-p256': makeKey('ec-p256'),
      'ec-p384': makeKey('ec-p384'),
      ed25519: makeKey('ed25519'),
    };
    const characters = [...'ABCXYZabcxyz0123456789.:-'];
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          deviceId: fc
            .string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 64 })
            .filter((id) => !id.startsWith('station:')),
          uid: fc.string({ unit: fc.constantFrom(...characters), minLength: 4, maxLength: 400 }),
          type: fc.constantFrom('ec-p256', 'ec-p384', 'ed25519'),
          validity: fc.oneof(
            fc.constant('forever' as const),
            fc.record({ days: fc.integer({ min: 1, max: 36_500 }) }),
          ),
          skew: fc.integer({ min: 0, max: 1440 }),
          // openssl shows non-ASCII otherwise, and contracts allow ASCII only
          organization: fc
            .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 64 })
            .filter((text) => /^[\x20-\x7e]+$/.test(text)),
          arcs: fc.array(fc.integer({ min: 0, max: 999_999_999 }), { minLength: 1, maxLength: 6 }),
        }),
        async ({ deviceId, uid, type, validity, skew, organization, arcs }) => {
          const profile = profileWith({
            key_type: type,
            validity,
            skew_minutes: skew,
            organization,
            hardware_type_oid: `1.3.${arcs.join('.')}`,
          });
          const facts = factsOf(keys[type], { deviceId, hardwareUid: `mcu-uid=${uid}`, keyType: type });
          const token = prepare(facts, profile);
          const { certificate } = await issue(token, realm.issuing, intentOf(token));
          const [ca, root] = under(realm.issuing);
          const chain = [certificate, ca];
          const leaf = verifyChain({ chain, root, at: testNow, realm: 'dev', purpose: 'device' });
          assert.equal(leaf.id, deviceId);
          assert.equal(opensslVerify(chain, root, 'sslclient'), '');
        },
      ),
      { numRuns: 40 },
    );
  });

  test('I-2: one token is signed at most once, also after a failure', async () => {
    const token = prepare();
    await issue(token, realm.issuing, intentOf(token));
    await assert.rejects(issue(token, realm.issuing, intentOf(token)), refusal('intent_uncertain'));
    const unlucky = prepare();
    const broken = withSigner(() => Promise.reject(new Error('the session was lost')));
    await assert.rejects(issue(unlucky, broken, intentOf(unlucky)), /session was lost/);
    await assert.rejects(issue(unlucky, realm.issuing, intentOf(unlucky)), refusal('intent_uncertain'));
  });

  test('I-2: two calls at once with one token give one certificate', async () => {
    const token = prepare();
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => issue(token, realm.issuing, intentOf(token))),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test('a token cannot be forged', async () => {
    const real = prepare();
    const lookalike = Object.assign(Object.create(PreparedCertificate.prototype), intentOf(real));
    await assert.rejects(issue(lookalike, realm.issuing, intentOf(real)), refusal('intent_uncertain'));
    const Constructor = PreparedCertificate as unknown as new (...rest: unknown[]) => PreparedCertificate;
    assert.throws(() => new Constructor(Symbol('x'), new Uint8Array(1), 'x', {}), TypeError);
    assert.throws(() => Object.assign(real, { tbsSha256: '00' }), TypeError);
  });

  test('I-3: nothing is released where the signer changed, swapped or mis-signed the bytes', async () => {
    const other = softly(makeKey('ec-p256'));
    const signers: ((honest: Signer, tbs: Uint8Array) => Promise<Uint8Array>)[] = [
      async (honest, tbs) => {
        // the memory of the linted bytes itself is changed, and signed
        tbs[tbs.length - 1]! ^= 1;
        return honest.sign(tbs);
      },
      (honest, tbs) => honest.sign(Uint8Array.from(tbs).fill(0, 20, 21)),
      (_, tbs) => other(tbs),
      async () => new Uint8Array(0),
      async (honest, tbs) => Buffer.concat([await honest.sign(tbs), Buffer.of(0)]),
      async (honest, tbs) => derSequence(await honest.sign(tbs)),
    ];
    for (const sign of signers) {
      const token = prepare();
      await assert.rejects(issue(token, withSigner(sign), intentOf(token)), refusal('tbs_mismatch'));
    }
  });

  test('I-3: nothing is signed where the durable intent says something else', async () => {
    let signatures = 0;
    const counting = withSigner((honest, tbs) => {
      signatures++;
      return honest.sign(tbs);
    });
    for (const field of ['serialHex', 'tbsSha256', 'profileSha256', 'issuerSha256'] as const) {
      const token = prepare();
      const intent = { ...intentOf(token), [field]: '00'.repeat(32) };
      await assert.rejects(issue(token, counting, intent), refusal('tbs_mismatch'), field);
    }
    const token = prepare();
    await assert.rejects(issue(token, realm.stationCa, intentOf(token)), refusal('tbs_mismatch'));
    assert.equal(signatures, 0);
  });

  test('I-13: a profile of other terms has another hash, and its intents cannot be finished', async () => {
    const changes: Partial<DeviceTerms>[] = [
      { realm: 'test' },
      { organization: 'Other' },
      { key_type: 'ed25519' },
      { validity: { days: 3650 } },
      { validity: { days: 3651 } },
      { skew_minutes: 6 },
      { hardware_type_oid: '1.3.6.1.4.1.99999.1.2' },
    ];
    const hashes = [profileWith(), ...changes.map(profileWith)].map(({ sha256 }) => sha256);
    assert.equal(new Set(hashes).size, hashes.length);
    const mine = prepare();
    const theirs = { ...intentOf(mine), profileSha256: profileWith({ skew_minutes: 6 }).sha256 };
    await assert.rejects(issue(mine, realm.issuing, theirs), refusal('tbs_mismatch'));
  });

  test('I-6: a request that asks for another subject and CA:TRUE gets what the registry says', async () => {
    const subject = encodeName([{ type: 'commonName', value: 'SN-66666666' }]);
    const request = readCertificationRequest(makeRequest({ subject }));
    const token = prepare(factsOf(undefined, { keyType: request.keyType, spki: request.spki }));
    const { certificate } = await issue(token, realm.issuing, intentOf(token));
    const seen = new X509Certificate(certificate);
    assert.doesNotMatch(seen.subject, /66666666/);
    assert.equal(seen.ca, false);
  });

  test('I-4: the serial of the certificate is the one that was drawn', async () => {
    const drawn = serial();
    const token = prepareDevice(realm.issuing, profileWith(), factsOf(), drawn, testNow);
    const { certificate, serialHex } = await issue(token, realm.issuing, intentOf(token));
    assert.equal(serialHex, toHex(drawn));
    assert.equal(new X509Certificate(certificate).serialNumber.toLowerCase(), toHex(drawn));
  });

  test('refuses a key of another type than the contract asks for', () => {
    const facts = factsOf(makeKey('ed25519'), { keyType: 'ed25519' });
    assert.throws(() => prepare(facts), refusal('key_unsupported'));
    assert.throws(() => prepare({ ...facts, keyType: 'ec-p256' }), refusal('lint_refused'));
  });

  test('the released signature verifies over the TBS whose hash the intent holds', async () => {
    const token = prepare();
    const { certificate } = await issue(token, realm.issuing, intentOf(token));
    const ca = createPublicKey(
      new X509Certificate(realm.issuing.certificate.der).publicKey.export({ format: 'pem', type: 'spki' }),
    );
    assert.ok(new X509Certificate(certificate).verify(ca));
    const tbsLength = 4 + ((certificate[6]! << 8) | certificate[7]!);
    const tbs = certificate.subarray(4, 4 + tbsLength);
    assert.equal(hash('sha256', tbs, 'hex'), token.tbsSha256);
    assert.ok(verify('sha256', tbs, ca, certificate.subarray(4 + tbsLength + 12 + 3)));
  });
});

function softly(key: KeyObject): (tbs: Uint8Array) => Promise<Uint8Array> {
  return (tbs) => softwareSigner(key).sign(tbs);
}
