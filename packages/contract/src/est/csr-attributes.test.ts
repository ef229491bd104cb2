import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fromHex, toHex } from '../bytes.ts';
import { isImprintError } from '../errors.ts';
import { derOid, derSequence, derSetOf } from '../x509/der-writer.ts';
import { keyTypes } from '../x509/public-key.ts';
import { readCsrAttributes, writeCsrAttributes } from './csr-attributes.ts';

test('what is written for a key type asks for that type', () => {
  for (const type of keyTypes) assert.equal(readCsrAttributes(writeCsrAttributes(type)), type);
});

test('OpenSSL reads the curve and the signature algorithm', () => {
  const parsed = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], {
    input: writeCsrAttributes('ec-p256'),
  }).toString();
  assert.match(parsed, /:id-ecPublicKey[\s\S]*SET[\s\S]*:prime256v1[\s\S]*:ecdsa-with-SHA256/);
});

test('the octets are those of docs/specs/est.md', () => {
  assert.equal(
    toHex(writeCsrAttributes('ec-p256')),
    '3021301506072a8648ce3d0201310a06082a8648ce3d03010706082a8648ce3d040302',
  );
  assert.equal(toHex(writeCsrAttributes('ed25519')), '300506032b6570');
});

test('of the example of RFC 7030, section 4.5.2, which asks for P-384, the curve is taken and the rest passed over', () => {
  const example = derSequence(
    derOid('1.2.840.113549.1.9.7'),
    derSequence(derOid('1.2.840.10045.2.1'), derSetOf(derOid('1.3.132.0.34'))),
    derSequence(derOid('1.2.840.113549.1.9.14'), derSetOf(derOid('1.3.6.1.1.1.1.22'))),
    derOid('1.2.840.10045.4.3.3'),
  );
  assert.equal(readCsrAttributes(example), 'ec-p384');
});

test('an unknown curve, or RSA, is no key type; two curves are refused', () => {
  const curve = (oid: string) => derSequence(derOid('1.2.840.10045.2.1'), derSetOf(derOid(oid)));
  assert.equal(readCsrAttributes(derSequence(curve('1.3.132.0.35'))), undefined);
  assert.equal(readCsrAttributes(derSequence(derOid('1.2.840.113549.1.1.11'))), undefined);
  const two = derSequence(curve('1.3.132.0.34'), curve('1.2.840.10045.3.1.7'));
  assert.throws(
    () => readCsrAttributes(two),
    (error) => isImprintError(error, 'der_invalid'),
  );
  assert.throws(
    () => readCsrAttributes(fromHex('310006032b6570')),
    (error) => isImprintError(error, 'der_invalid'),
  );
});
