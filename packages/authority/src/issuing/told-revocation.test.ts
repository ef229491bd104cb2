import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { fromHex, toHex } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { CredentialIssuing } from '../jobs/issue-credential.ts';
import { certificateOf, contract, openLine, TestUnit } from '../jobs/line.test-kit.ts';
import { Walk } from '../jobs/walk.test-kit.ts';
import { encodeCrl, encodeCrlTbs } from '../revocation/crl.ts';
import { deviceTerms, issueDevice, opensslCrlCheck } from '../revocation/revocation.test-kit.ts';
import { makeKey } from '../signer/software.ts';
import {
  makeTestRealm,
  opensslText,
  opensslVerify,
  type TestRealm,
  testBegin,
  testNow,
} from '../trust/hierarchy.test-kit.ts';
import { Issuers } from '../trust/issuers.ts';
import { crlUrl, partitionOf } from './crl-partition.ts';
import { issue } from './issue.ts';
import { type Expectation, expectDevice, expectResponder, lintTbs } from './lint.ts';
import { prepareResponder } from './prepare.ts';
import { buildDeviceTbs, deviceProfile, profileOf } from './profile.ts';
import { spkiOf } from './requests.test-kit.ts';
import { buildResponderTbs, responderProfile } from './responder-profile.ts';
import { makeSerial } from './serial.ts';

const revocation = { public_url: 'http://pki.example.com', crl_partitions: 64 };
const told = profileOf({ ...deviceTerms, revocation });
const untold = profileOf(deviceTerms);
let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm();
});

const serial = () => makeSerial(testNow, randomBytes);
const facts = {
  deviceId: 'SN-00012345',
  hardwareUid: 'mcu-uid=0123ABCD',
  keyType: 'ec-p256' as const,
  product: 'gateway',
  site: 'site-1',
  spki: spkiOf(makeKey('ec-p256')),
};

function refuses(tbs: Uint8Array, expected: Expectation, rule: string): void {
  assert.throws(
    () => lintTbs(tbs, expected),
    (error) => isImprintError(error, 'lint_refused') && error.context.rule === rule,
    rule,
  );
}

describe('a certificate that says where its revocation is told', () => {
  test('openssl finds the CRL of its own partition by it, and takes no other one for it', async () => {
    const device = await issueDevice(realm.issuing, { revocation });
    const partition = partitionOf(device.serial, 64);
    const url = crlUrl(revocation.public_url, realm.issuing.keyIdentifier, partition);
    assert.match(
      opensslText(device.certificate),
      new RegExp(`CRL Distribution Points: \\n\\s+Full Name:\\n\\s+URI:${url}\\n`),
    );
    assert.match(
      opensslText(device.certificate),
      /Authority Information Access: \n\s+OCSP - URI:http:\/\/pki.example.com\/ocsp\n/,
    );
    const crl = async (of: number, revoked: string[]) => {
      const tbs = encodeCrlTbs(
        {
          signerKeyType: 'ec-p256',
          issuer: realm.issuing.certificate.subject.der,
          keyIdentifier: realm.issuing.keyIdentifier,
          number: 7,
          thisUpdate: testNow.toISOString(),
          nextUpdate: new Date(testNow.getTime() + 60_000).toISOString(),
          distributionPoint: crlUrl(revocation.public_url, realm.issuing.keyIdentifier, of),
        },
        revoked.map((one) => ({
          serial: one,
          revoked_at: testNow.toISOString(),
          reason: 'scrapped' as const,
        })),
      );
      return encodeCrl(tbs, 'ec-p256', await realm.issuing.signer.sign(tbs));
    };
    assert.equal(opensslCrlCheck(realm, device.certificate, [await crl(partition, [])]), '');
    assert.match(
      opensslCrlCheck(realm, device.certificate, [await crl(partition, [device.serial])]),
      /certificate revoked/,
    );
    const other = await crl(partition ^ 1, []);
    assert.match(
      opensslCrlCheck(realm, device.certificate, [other]),
      /Different CRL scope|unable to get certificate CRL/i,
    );
    const { issuing, root } = realm.hierarchy.certificates;
    const chain = [device.certificate, issuing];
    assert.equal(opensslVerify(chain, root, 'sslclient'), '');
    assert.equal(
      verifyChain({ chain, root, at: testNow, realm: 'dev', purpose: 'device' }).id,
      'SN-00012345',
    );
  });

  test('a line whose CA has a public URL issues certificates that say so, and no other line does', async () => {
    const line = await openLine(['GW-TA26000001K', 'GW-TA260000028']);
    const texts: string[] = [];
    for (const [at, deviceId] of ['GW-TA26000001K', 'GW-TA260000028'].entries()) {
      if (at === 1) {
        const signerOf = async (caId: string) => line.signers.get(caId)!;
        line.core.issuers = new Issuers('dev', signerOf, 'http://pki.example.com');
        line.issuing = new CredentialIssuing(line.core);
      }
      const walk = await Walk.open(line, new TestUnit(`u${at}`), deviceId);
      texts.push(opensslText(certificateOf(await walk.issue())));
    }
    await line.close();
    assert.doesNotMatch(texts[0]!, /CRL Distribution|Authority Information/);
    assert.match(texts[1]!, /URI:http:\/\/pki.example.com\/crl\/[0-9a-f]{40}\/\d+\.crl\n/);
    assert.match(texts[1]!, /OCSP - URI:http:\/\/pki.example.com\/ocsp\n/);
  });

  test('I-13: the profile of a CA that tells so of revocation has a hash of its own', () => {
    const one = { publicUrl: 'http://pki.example.com', crlPartitions: 64 };
    const hashes = [
      deviceProfile(contract, 'dev'),
      deviceProfile(contract, 'dev', one),
      deviceProfile(contract, 'dev', { ...one, crlPartitions: 32 }),
      deviceProfile(contract, 'dev', { ...one, publicUrl: 'http://pki2.example.com' }),
    ].map(({ sha256 }) => sha256);
    assert.equal(new Set(hashes).size, 4);
    // without a public URL nothing of it is in the certificate
    assert.equal(deviceProfile(contract, 'dev', { crlPartitions: 64 }).sha256, hashes[0]);
  });

  test('the lint refuses another partition, another URL, one that is missing and one too many', () => {
    const own = serial();
    const at = { tbs: buildDeviceTbs(realm.issuing, told, facts, own, testNow), own };
    const expected = expectDevice(realm.issuing, told, facts, own, testNow);
    lintTbs(at.tbs, expected);
    const wrong = (changes: Partial<NonNullable<Expectation['revocation']>>) => ({
      ...expected,
      revocation: { ...expected.revocation!, ...changes },
    });
    const other = crlUrl(revocation.public_url, realm.issuing.keyIdentifier, partitionOf(toHex(own), 64) ^ 1);
    refuses(at.tbs, wrong({ crl: other }), 'crl-of-its-partition');
    refuses(at.tbs, wrong({ ocsp: 'http://pki2.example.com/ocsp' }), 'ocsp');
    refuses(at.tbs, { ...expected, revocation: undefined }, 'extensions');
    refuses(buildDeviceTbs(realm.issuing, untold, facts, own, testNow), expected, 'extensions');
  });
});

describe('the certificate of a responder', () => {
  const profile = responderProfile('Example Devices', 'dev');

  test('openssl takes it for OCSP, our verifier for a responder, and neither for a device', async () => {
    const key = makeKey('ec-p256');
    const token = prepareResponder(realm.issuing, profile, spkiOf(key), serial(), testNow);
    const { certificate } = await issue(token, realm.issuing, { ...token });
    const { issuing, root } = realm.hierarchy.certificates;
    const chain = [certificate, issuing];
    assert.equal(opensslVerify(chain, root, 'any'), '');
    assert.match(opensslVerify(chain, root, 'sslclient'), /unsuitable certificate purpose/);
    const text = opensslText(certificate);
    for (const line of [
      /Subject: O = Example Devices, CN = imprint ocsp dev\n/,
      /Not Before: Jan {2}9 07:00:00 2026 GMT\n\s+Not After : Jan 12 07:00:00 2026 GMT/,
      /Extended Key Usage: \n\s+OCSP Signing\n/,
      /OCSP No Check/,
    ]) {
      assert.match(text, line);
    }
    const verify = (purpose: 'responder' | 'device') =>
      verifyChain({ chain, root, at: testNow, realm: 'dev', purpose });
    assert.equal(verify('responder').id, 'imprint ocsp dev');
    assert.throws(() => verify('device'), { code: 'certificate_refused' });
  });

  test('the lint refuses a device for a responder and the reverse, and a CA that certifies stations', () => {
    const own = serial();
    const tbs = buildResponderTbs(realm.issuing, profile, facts.spki, own, testNow);
    const expected = expectResponder(realm.issuing, profile, facts.spki, own, testNow);
    lintTbs(tbs, expected);
    refuses(tbs, { ...expected, purpose: 'device' }, 'contract-parser');
    refuses(buildDeviceTbs(realm.issuing, untold, facts, own, testNow), expected, 'contract-parser');
    refuses(tbs, { ...expected, validity: { days: 4 } }, 'not-after');
    refuses(tbs, { ...expected, now: testBegin }, 'not-before-in-future');
    const station = buildResponderTbs(realm.stationCa, profile, facts.spki, own, testNow);
    refuses(station, expectResponder(realm.stationCa, profile, facts.spki, own, testNow), 'issuer-branch');
    assert.throws(() => prepareResponder(realm.stationCa, profile, facts.spki, fromHex('01'), testNow), {
      code: 'lint_refused',
    });
  });
});
