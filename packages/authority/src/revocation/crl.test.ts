import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { toHex } from '@imprint/contract/bytes';
import { bucketsOf, partitionOf, requirePartitions } from '../issuing/crl-partition.ts';
import type { Issuer } from '../issuing/issuer.ts';
import { makeSerial } from '../issuing/serial.ts';
import { bucketOf } from '../storage/serial-bucket.ts';
import { makeTestRealm, type TestRealm, testNow } from '../trust/hierarchy.test-kit.ts';
import { type CrlTerms, encodeCrl, encodeCrlTbs, type RevokedSerial } from './crl.ts';
import { issueDevice, opensslCrlCheck, opensslCrlText } from './revocation.test-kit.ts';
import type { RevocationReason } from './revocation-reason.ts';

let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm();
});

const later = new Date(testNow.getTime() + 3_600_000);

async function signed(
  issuer: Issuer,
  revoked: readonly RevokedSerial[],
  changes: Partial<CrlTerms> = {},
): Promise<Uint8Array> {
  const { keyType } = issuer.signer;
  const tbs = encodeCrlTbs(
    {
      signerKeyType: keyType,
      issuer: issuer.certificate.subject.der,
      keyIdentifier: issuer.keyIdentifier,
      number: 1,
      thisUpdate: testNow.toISOString(),
      nextUpdate: later.toISOString(),
      ...changes,
    },
    revoked,
  );
  return encodeCrl(tbs, keyType, await issuer.signer.sign(tbs));
}

const revocation = (
  serial: string,
  reason: RevocationReason = 'key-compromise',
  revoked_at = '2026-01-09T07:59:59.999Z',
): RevokedSerial => ({ serial, reason, revoked_at });

describe('CRL', () => {
  test('openssl refuses a certificate that is on the list and takes one that is not', async () => {
    const [good, bad] = [await issueDevice(realm.issuing), await issueDevice(realm.issuing)];
    const crl = await signed(realm.issuing, [revocation(bad.serial)]);
    assert.equal(opensslCrlCheck(realm, good.certificate, [crl]), '');
    assert.match(opensslCrlCheck(realm, bad.certificate, [crl]), /certificate revoked/);
    // a list of nothing, and none at all
    const empty = await signed(realm.issuing, []);
    assert.equal(opensslCrlCheck(realm, bad.certificate, [empty]), '');
    assert.match(opensslCrlCheck(realm, good.certificate, []), /unable to get certificate CRL/);
  });

  test('openssl takes it from thisUpdate to nextUpdate, and from nobody but the CA', async () => {
    const { certificate } = await issueDevice(realm.issuing);
    const crl = await signed(realm.issuing, []);
    const at = (ms: number) => opensslCrlCheck(realm, certificate, [crl], new Date(ms));
    assert.match(at(testNow.getTime() - 2_000), /CRL is not yet valid/);
    assert.match(at(later.getTime() + 2_000), /CRL has expired/);
    crl[crl.length - 1]! ^= 1;
    assert.match(opensslCrlCheck(realm, certificate, [crl]), /CRL signature failure/);
  });

  test('openssl reads every reason, serial and time as it was meant', async () => {
    const text = opensslCrlText(
      await signed(
        realm.issuing,
        [
          revocation('01'),
          revocation('00ff80', 'superseded'),
          revocation('7f'.repeat(20), 'key-lost', '2049-12-31T23:59:59.000Z'),
          revocation('ff'.repeat(19), 'scrapped', '2050-01-01T00:00:00.000Z'),
          revocation('80', 'quarantined'),
          revocation('0a', 'intent-uncertain'),
          revocation('0b', 'station-revoked'),
        ],
        { number: 300 },
      ),
      realm.hierarchy.certificates.issuing,
    );
    assert.match(text, /Version 2 \(0x1\)/);
    assert.match(text, /Issuer: O = Example Devices, OU = imprint realm dev, CN = Device Issuing CA/);
    assert.match(text, /X509v3 CRL Number: \n\s+300\n/);
    assert.match(text, new RegExp(`Key Identifier: \\n\\s+${colons(realm.issuing.keyIdentifier)}`));
    const found = text
      .split('Serial Number: ')
      .slice(1)
      .map((part) => part.replaceAll(/\s+/g, ' ').trim());
    const entry = (serial: string, at: string, reason?: string) =>
      `${serial} Revocation Date: ${at} GMT${reason === undefined ? '' : ` CRL entry extensions: X509v3 CRL Reason Code: ${reason}`}`;
    const at = 'Jan 9 07:59:59 2026';
    assert.deepEqual(found.slice(0, -1), [
      entry('01', at, 'Key Compromise'),
      entry('FF80', at, 'Superseded'),
      entry('7F'.repeat(20), 'Dec 31 23:59:59 2049', 'Superseded'),
      entry('FF'.repeat(19), 'Jan 1 00:00:00 2050', 'Cessation Of Operation'),
      entry('80', at, 'Privilege Withdrawn'),
      entry('0A', at),
    ]);
    assert.ok(found.at(-1)!.startsWith(`${entry('0B', at)} Signature Algorithm`));
  });

  test('a list of nothing has no list, and that of a partition says so, critically', async () => {
    const url = 'http://pki.example.com/crl/00/3.crl';
    const text = opensslCrlText(
      await signed(realm.issuing, [], { distributionPoint: url }),
      realm.hierarchy.certificates.issuing,
    );
    assert.match(text, /No Revoked Certificates/);
    assert.match(
      text,
      /Issuing Distribution Point: critical\n\s+Full Name:\n\s+URI:http:\/\/pki.example.com\/crl\/00\/3.crl\s*Only User Certificates/,
    );
    const complete = opensslCrlText(await signed(realm.issuing, []), realm.hierarchy.certificates.issuing);
    assert.doesNotMatch(complete, /Distribution Point/);
  });

  test('what is no serial is never written', async () => {
    for (const serial of ['', '00', 'xy', 'abc', 'ff'.repeat(21)]) {
      await assert.rejects(signed(realm.issuing, [revocation(serial)]), { code: 'internal' }, serial);
    }
  });

  test('sixteen thousand entries are a list that openssl verifies', async () => {
    const serials = Array.from({ length: 16_000 }, () => toHex(makeSerial(testNow, randomBytes)));
    const crl = await signed(
      realm.issuing,
      serials.map((serial) => revocation(serial)),
    );
    const text = opensslCrlText(crl, realm.hierarchy.certificates.issuing);
    const found = [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, hex]) => hex!.toLowerCase());
    assert.deepEqual(found, serials);
  });
});

describe('CRL partitions', () => {
  test('each serial is in the one partition whose buckets hold its tail', () => {
    for (const partitions of [1, 2, 64, 1_024]) {
      for (let count = 0; count < 200; count++) {
        const serial = toHex(makeSerial(testNow, randomBytes));
        const { first, last } = bucketsOf(partitionOf(serial, partitions), partitions);
        assert.ok(bucketOf(serial) >= first && bucketOf(serial) <= last);
      }
    }
    assert.deepEqual(
      [bucketOf('01'), bucketOf('ff'), bucketOf('01ffff'), bucketOf('aa0100')],
      [1, 255, 65_535, 256],
    );
    assert.deepEqual([partitionOf('010000', 64), partitionOf('01ffff', 64)], [0, 63]);
    assert.deepEqual(bucketsOf(63, 64), { first: 64_512, last: 65_535 });
  });

  test('their number is a power of two', () => {
    for (const number of [1, 2, 64, 1_024]) assert.equal(requirePartitions(number), number);
    for (const number of [0, 3, 63, 2_048, 1.5, -1, Number.NaN]) {
      assert.throws(() => requirePartitions(number), { code: 'internal' });
    }
  });
});

const colons = (bytes: Uint8Array) => toHex(bytes).toUpperCase().match(/../g)!.join(':');
