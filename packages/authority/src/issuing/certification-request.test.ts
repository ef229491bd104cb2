import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fromHex } from '@imprint/contract/bytes';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { DerReader, derTag } from '@imprint/contract/x509/der';
import {
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
  derUtf8String,
} from '@imprint/contract/x509/der-writer';
import { malformedKeys } from '@imprint/contract/x509/malformed-keys.test-kit';
import {
  malformedSignatures,
  mixedOrderSignature,
  newPrivateKey,
} from '@imprint/contract/x509/malformed-signatures.test-kit';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import fc from 'fast-check';
import { makeKey } from '../signer/software.ts';
import { readCertificationRequest } from './certification-request.ts';
import { makeRequest, nested, spkiOf } from './requests.test-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-csr-'));
after(() => rmSync(folder, { recursive: true }));

function refused(der: Uint8Array, code: ErrorCode) {
  return assert.throws(
    () => readCertificationRequest(der),
    (error) => {
      assert.ok(isImprintError(error), String(error));
      assert.equal(error.code, code, error.message);
      return true;
    },
  );
}

/** A request that the openssl command makes. */
function opensslRequest(keyArguments: string[], requestArguments: string[]): Uint8Array {
  const key = join(folder, 'key.pem');
  const csr = join(folder, 'csr.der');
  execFileSync('openssl', ['genpkey', ...keyArguments, '-out', key], { stdio: 'pipe' });
  execFileSync('openssl', ['req', '-new', '-key', key, '-outform', 'DER', '-out', csr, ...requestArguments], {
    stdio: 'pipe',
  });
  return readFileSync(csr);
}

/** What is signed in a request. */
const infoOf = (request: Uint8Array) =>
  DerReader.over(request, limits.csrBytes).enter().element(derTag.sequence).bytes;

const extensionRequest = (...extensions: Uint8Array[]) =>
  derSequence(derOid('1.2.840.113549.1.9.14'), derSetOf(derSequence(...extensions)));
const caTrue = derSequence(
  derOid('2.5.29.19'),
  derBoolean(true),
  derOctetString(derSequence(derBoolean(true))),
);

describe('certification request', () => {
  for (const type of ['ec-p256', 'ec-p384', 'ed25519'] as const) {
    test(`gives the key of a ${type} request`, () => {
      const key = makeKey(type);
      const request = readCertificationRequest(makeRequest({ key }));
      assert.equal(request.keyType, type);
      assert.deepEqual(Buffer.from(request.spki), Buffer.from(spkiOf(key)));
    });
  }

  test('reads what openssl writes, with SHA-256 over a P-384 key too', () => {
    const p256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const p384 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'];
    const subject = ['-subj', '/CN=SN-00012345'];
    for (const [arguments_, type] of [
      [p256, 'ec-p256'],
      [p384, 'ec-p384'],
      [['-algorithm', 'ed25519'], 'ed25519'],
    ] as const) {
      const request = readCertificationRequest(opensslRequest([...arguments_], subject));
      assert.equal(request.keyType, type);
      assert.deepEqual(request.notes, ['a subject (2.5.4.3) was asked for and is ignored']);
    }
    readCertificationRequest(opensslRequest(p384, [...subject, '-sha384']));
    refused(opensslRequest(p256, [...subject, '-sha1']), 'csr_invalid');
  });

  test('I-6: ignores and notes subject, CA:TRUE, SAN and attributes that openssl puts in', () => {
    const der = opensslRequest(
      ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      [
        ...['-subj', '/O=Evil/CN=someone-else', '-addext', 'basicConstraints=critical,CA:TRUE'],
        ...['-addext', 'subjectAltName=DNS:evil.example', '-addext', 'keyUsage=keyCertSign'],
      ],
    );
    const request = readCertificationRequest(der);
    assert.deepEqual(Object.keys(request).sort(), ['keyType', 'notes', 'publicKeySha256', 'spki']);
    assert.deepEqual(request.notes, [
      'a subject (2.5.4.10, 2.5.4.3) was asked for and is ignored',
      'extension 2.5.29.19 was asked for and is ignored',
      'extension 2.5.29.17 was asked for and is ignored',
      'extension 2.5.29.15 was asked for and is ignored',
    ]);
  });

  test('I-19: a challenge password stays out of the notes', () => {
    const attribute = derSequence(derOid('1.2.840.113549.1.9.7'), derSetOf(derUtf8String('hunter2')));
    const request = readCertificationRequest(makeRequest({ attributes: [attribute] }));
    assert.doesNotMatch(JSON.stringify(request.notes), /hunter2/);
    assert.match(request.notes.join(), /attribute 1\.2\.840\.113549\.1\.9\.7/);
  });

  test('caps what it notes', () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      derSequence(derOid(`1.3.${index}`), derOctetString(new Uint8Array(1))),
    );
    const request = readCertificationRequest(makeRequest({ attributes: [extensionRequest(...many)] }));
    assert.ok(request.notes.length <= 33);
  });

  test('refuses a proof by another key, over other bytes, of other length or under another algorithm', () => {
    const [key, other] = [makeKey('ec-p256'), makeKey('ec-p256')];
    refused(makeRequest({ key, spki: spkiOf(other) }), 'csr_proof_wrong');
    refused(makeRequest({ signature: new Uint8Array(0) }), 'csr_proof_wrong');
    refused(makeRequest({ signature: derSequence(derInteger(0), derInteger(0)) }), 'csr_proof_wrong');
    refused(makeRequest({ key: makeKey('ed25519'), signature: new Uint8Array(64) }), 'csr_proof_wrong');
    refused(makeRequest({ digest: 'sha384' }), 'csr_proof_wrong');
    refused(makeRequest({ algorithm: signatureAlgorithm.ed25519 }), 'csr_invalid');
    const sha256WithNull = fromHex('300c06082a8648ce3d0403020500');
    refused(makeRequest({ algorithm: sha256WithNull }), 'csr_invalid');
  });

  for (const type of ['ec-p256', 'ec-p384', 'ed25519'] as const) {
    test(`refuses a ${type} request with each malformed signature`, () => {
      const key = newPrivateKey(type);
      const info = infoOf(makeRequest({ key }));
      for (const [name, signature] of Object.entries(malformedSignatures(type, key, info))) {
        assert.throws(
          () => readCertificationRequest(makeRequest({ key, signature })),
          { code: 'csr_proof_wrong' },
          name,
        );
      }
    });
  }

  test('refuses a request for each malformed key', () => {
    for (const [name, spki] of Object.entries(malformedKeys())) {
      assert.throws(
        () => readCertificationRequest(makeRequest({ spki })),
        (error) => isImprintError(error, 'key_unsupported', 'csr_invalid'),
        name,
      );
    }
  });

  test('refuses an Ed25519 key with a part of small order, under which verifiers disagree', () => {
    const algorithm = signatureAlgorithm.ed25519;
    const { key, signature } = mixedOrderSignature(({ spki }) => infoOf(makeRequest({ spki })));
    refused(makeRequest({ spki: key.spki, algorithm, signature }), 'key_unsupported');
  });

  test('refuses every flipped bit of a request', () => {
    const der = makeRequest({ key: makeKey('ed25519'), attributes: [extensionRequest(caTrue)] });
    for (let bit = 0; bit < der.length * 8; bit++) {
      const changed = Uint8Array.from(der);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(
        () => readCertificationRequest(changed),
        (error) => isImprintError(error, 'csr_invalid', 'csr_proof_wrong', 'key_unsupported'),
      );
    }
  });

  test('refuses RSA, another curve, a compressed point and explicit parameters', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
    const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
    for (const key of [rsa, p521, secp256k1]) {
      refused(makeRequest({ spki: spkiOf(key) }), 'key_unsupported');
    }
    const spki = spkiOf(makeKey('ec-p256'));
    const compressed = derSequence(
      fromHex('301306072a8648ce3d020106082a8648ce3d030107'),
      derElement(3, Uint8Array.of(0, 2), spki.slice(27, 59)),
    );
    refused(makeRequest({ spki: compressed }), 'key_unsupported');
    const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey;
    refused(makeRequest({ spki: spkiOf(explicit) }), 'key_unsupported');
  });

  test('refuses a point off its curve, the point at infinity and the key of the private key one', () => {
    const off = Uint8Array.from(spkiOf(makeKey('ec-p256')));
    off[off.length - 1]! ^= 1;
    refused(makeRequest({ spki: off }), 'key_unsupported');
    const zero = Uint8Array.from(off).fill(0, 27);
    refused(makeRequest({ spki: zero }), 'key_unsupported');
    const generator = createPrivateKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        d: Buffer.concat([Buffer.alloc(31), Buffer.of(1)]).toString('base64url'),
        x: Buffer.from('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296', 'hex').toString(
          'base64url',
        ),
        y: Buffer.from('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5', 'hex').toString(
          'base64url',
        ),
      },
    });
    refused(makeRequest({ key: generator }), 'key_unsupported');
    const smallOrder = Uint8Array.from(spkiOf(makeKey('ed25519')));
    smallOrder.fill(0, 12);
    smallOrder[12] = 1;
    refused(makeRequest({ spki: smallOrder }), 'key_unsupported');
  });

  test('refuses trailing bytes, inside and outside', () => {
    const der = makeRequest();
    refused(Buffer.concat([der, Buffer.of(0)]), 'csr_invalid');
    assert.equal(der[1], 0x81, 'the header has three octets');
    const inside = derSequence(der.subarray(3), derInteger(1));
    refused(inside, 'csr_invalid');
    const spki = derSequence(Buffer.from(spkiOf(makeKey('ec-p256'))).subarray(2), derInteger(1));
    refused(makeRequest({ spki }), 'key_unsupported');
  });

  test('refuses a subject or an extension that is none, though it is ignored: OpenSSL refuses the whole request', () => {
    const type = derOid('2.5.4.3');
    const wrong = [
      derSequence(type, derUtf8String('SN-1'), derUtf8String('SN-2')),
      derSequence(type),
      derSequence(type, derInteger(1)),
    ];
    for (const entry of wrong) {
      refused(makeRequest({ subject: derSequence(derSetOf(entry)) }), 'csr_invalid');
    }
    const asked = (...fields: Uint8Array[]) =>
      derSequence(derOid('1.2.840.113549.1.9.14'), derSetOf(derSequence(derSequence(...fields))));
    const value = derOctetString(derSequence());
    const basicConstraints = derOid('2.5.29.19');
    assert.equal(
      readCertificationRequest(makeRequest({ attributes: [asked(basicConstraints, value)] })).notes.length,
      2,
    );
    for (const fields of [
      [basicConstraints],
      [basicConstraints, value, value],
      [basicConstraints, derInteger(1)],
    ]) {
      refused(makeRequest({ attributes: [asked(...fields)] }), 'csr_invalid');
    }
  });

  test('I-6: reads or refuses deep, wide and long ASN.1 and more bytes than the cap within milliseconds', () => {
    const begunMs = performance.now();
    refused(makeRequest({ attributes: [nested(200)] }), 'csr_invalid');
    refused(nested(1500), 'csr_invalid');
    const longOid = derElement(6, new Uint8Array(3000).fill(0x81), Uint8Array.of(1));
    refused(makeRequest({ attributes: [derSequence(longOid, derSetOf())] }), 'csr_invalid');
    const padding = derSequence(derOid('1.2.3'), derSetOf(derOctetString(new Uint8Array(limits.csrBytes))));
    refused(makeRequest({ attributes: [padding] }), 'csr_invalid');
    const small = Array.from({ length: 1_500 }, () => derSequence());
    refused(derSequence(...small), 'csr_invalid');
    readCertificationRequest(makeRequest({ attributes: [derSequence(derOid('1.2.3'), derSetOf(...small))] }));
    const manyNames = Array.from({ length: 200 }, () =>
      derSequence(derOid('1.2.3'), derSetOf(derInteger(1))),
    );
    assert.ok(readCertificationRequest(makeRequest({ attributes: manyNames })).notes.length <= 33);
    refused(new Uint8Array(20_000_000).fill(0x30), 'csr_invalid');
    assert.ok(performance.now() - begunMs < 500);
  });

  test('refuses another version, a missing field and indefinite lengths', () => {
    refused(makeRequest({ version: 1 }), 'csr_invalid');
    refused(derSequence(), 'csr_invalid');
    refused(new Uint8Array(0), 'csr_invalid');
    refused(derExplicit(0), 'csr_invalid');
    refused(fromHex('30800000'), 'csr_invalid');
  });

  test('answers arbitrary bytes with a code of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.throws(
          () => readCertificationRequest(bytes),
          (error) => isImprintError(error, 'csr_invalid', 'key_unsupported', 'csr_proof_wrong'),
        );
      }),
    );
  });
});
