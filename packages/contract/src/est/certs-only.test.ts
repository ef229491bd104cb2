import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { fromHex, toHex } from '../bytes.ts';
import { isImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { compareEncodings } from '../x509/der.ts';
import { derOctetString, derSequence } from '../x509/der-writer.ts';
import { fromPem } from '../x509/pem.ts';
import { writeBase64Body } from './base64-body.ts';
import { readCertsOnly, writeCertsOnly } from './certs-only.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-certs-only-'));
after(() => rmSync(folder, { recursive: true }));
const openssl = (args: string[], input?: Uint8Array) =>
  execFileSync('openssl', args, { input, cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });

let certificates: Uint8Array[] = [];
before(() => {
  certificates = ['one', 'two', 'three'].map((name) => {
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`],
    ]);
    return fromPem('CERTIFICATE', readFileSync(join(folder, `${name}.pem`), 'utf8'))[0]!;
  });
});

const hexes = (list: readonly Uint8Array[]) => list.map(toHex).sort();

test('OpenSSL prints the certificates of what is written, as PKCS #7 and as CMS', () => {
  const der = writeCertsOnly(certificates);
  const printed = openssl(['pkcs7', '-inform', 'DER', '-print_certs'], der).toString();
  const blocks = printed.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g)!.join('');
  assert.deepEqual(hexes(fromPem('CERTIFICATE', blocks)), hexes(certificates));
  const cms = openssl(['cms', '-cmsout', '-print', '-inform', 'DER'], der).toString();
  assert.match(cms, /version: 1\s+digestAlgorithms:\s+<EMPTY>/);
  assert.match(cms, /signerInfos:\s+<EMPTY>/);
});

test('what OpenSSL writes is read', () => {
  const files = ['one', 'two', 'three'].flatMap((name) => ['-certfile', `${name}.pem`]);
  const der = openssl(['crl2pkcs7', '-nocrl', '-outform', 'DER', ...files]);
  assert.deepEqual(hexes(readCertsOnly(der)), hexes(certificates));
});

test('the octets and the body are those of docs/specs/est.md', () => {
  const der = writeCertsOnly([fromHex('3000')]);
  assert.equal(
    toHex(der),
    '302706092a864886f70d010702a01a30180201013100300b06092a864886f70d010701a00230003100',
  );
  assert.equal(writeBase64Body(der), 'MCcGCSqGSIb3DQEHAqAaMBgCAQExADALBgkqhkiG9w0BBwGgAjAAMQA=');
});

test('whatever is written is read, in the order of a SET OF', () => {
  const element = fc.uint8Array({ maxLength: 40 }).map((content) => derSequence(derOctetString(content)));
  fc.assert(
    fc.property(fc.array(element, { minLength: 1, maxLength: 8 }), (list) => {
      assert.deepEqual(readCertsOnly(writeCertsOnly(list)), list.toSorted(compareEncodings));
    }),
  );
});

test('every changed octet of the frame, and every cut, is refused', () => {
  const [certificate] = certificates as [Uint8Array];
  const der = writeCertsOnly([certificate]);
  const at = toHex(der).indexOf(toHex(certificate)) / 2;
  const frame = [...der.keys()].filter((index) => index < at || index >= at + certificate.length);
  for (const index of frame) {
    const changed = Uint8Array.from(der);
    changed[index]! ^= 0x01;
    assert.throws(() => readCertsOnly(changed), refusedAsDer, `octet ${index}`);
  }
  for (let length = 0; length < der.length; length++) {
    assert.throws(() => readCertsOnly(der.subarray(0, length)), refusedAsDer);
  }
  assert.throws(() => readCertsOnly(Uint8Array.of(...der, 0)), refusedAsDer);
});

test('refuses signers, CRLs and content, as signed mail has them', () => {
  writeFileSync(join(folder, 'text'), 'hello');
  const signed = openssl([
    ...['cms', '-sign', '-signer', 'one.pem', '-inkey', 'one.key', '-in', 'text'],
    ...['-outform', 'DER', '-nodetach', '-binary'],
  ]);
  assert.throws(() => readCertsOnly(signed), refusedAsDer);
  assert.throws(() => readCertsOnly(fromHex('3000')), refusedAsDer);
  assert.throws(() => readCertsOnly(writeCertsOnly([])), refusedAsDer);
});

test('refuses more certificates, or more bytes, than the cap', () => {
  const many = Array.from({ length: limits.estCertificates + 1 }, () => derSequence());
  assert.throws(
    () => readCertsOnly(writeCertsOnly(many)),
    (error) => isImprintError(error, 'request_too_large'),
  );
  assert.throws(
    () => readCertsOnly(new Uint8Array(limits.estCertificates * limits.certificateBytes + 129)),
    (error) => isImprintError(error, 'request_too_large'),
  );
});

function refusedAsDer(error: unknown): boolean {
  return isImprintError(error, 'der_invalid');
}
