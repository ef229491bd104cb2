import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, fromHex, toUtf8 } from '../bytes.ts';
import type { ImprintError } from '../errors.ts';
import { parseCertificate } from './certificate.ts';
import {
  altName,
  asServer,
  asStation,
  buildCertificate,
  buildChain,
  ext,
  extension,
  goodSpecs,
  keys,
  nameCas,
  newKeyPair,
  type ChainSpecs as Specs,
} from './chain-fixture.test-kit.ts';
import {
  derBoolean,
  derElement,
  derExplicit,
  derImplicit,
  derInteger,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSetOf,
  derTime,
  derUtf8String,
} from './der-writer.ts';
import { caSubject, encodeName, nameValue } from './name.ts';
import { oid } from './oid.ts';
import { realmPolicyOid } from './realm.ts';
import type { RefusalReason } from './refusal.ts';
import { signatureAlgorithm } from './signature.ts';
import { type ChainToVerify, verifyChain } from './verify-chain.ts';

const at = '2026-06-01T12:00:00.000Z';
const verify = (built: ReturnType<typeof buildChain>, more: Partial<ChainToVerify> = {}) =>
  verifyChain({ ...built, at, realm: 'dev', purpose: 'device', ...more });
const good = buildChain();

function refuses(act: () => unknown, reason: RefusalReason, position?: number): void {
  assert.throws(act, (error: ImprintError) => {
    assert.equal(error.code, 'certificate_refused', String(error));
    assert.equal(error.context.reason, reason, `${String(error)} ${JSON.stringify(error.context)}`);
    if (position !== undefined) assert.equal(error.context.position, position);
    return true;
  });
}

test('accepts the good chain and says whose it is', () => {
  const leaf = verify(good);
  assert.equal(leaf.id, 'SN-00012345');
  assert.equal(leaf.realm, 'dev');
  assert.deepEqual(leaf.publicKey, keys.device.publicKey);
  assert.equal(leaf.certificate.serialHex, '11b2c3d4e5f60718');
  assert.equal(leaf.certificate.notAfter, '9999-12-31T23:59:59.000Z');
  assert.deepEqual(leaf.hardwareModule, { typeOid: '2.25.1', serial: toUtf8('mcu:0011') });
  assert.deepEqual(verify(good, { at: new Date(at) }).id, 'SN-00012345');
});

test('openssl verify accepts the good chain as well, and node:crypto reads the same values', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-chain-'));
  try {
    const pem = (der: Uint8Array) => new X509Certificate(der).toString();
    writeFileSync(join(folder, 'root.pem'), pem(good.root));
    writeFileSync(join(folder, 'issuing.pem'), pem(good.chain[1]!));
    writeFileSync(join(folder, 'leaf.pem'), pem(good.chain[0]!));
    const args = [
      'verify',
      '-x509_strict',
      '-policy',
      realmPolicyOid('dev'),
      '-explicit_policy',
      '-purpose',
      'sslclient',
      '-CAfile',
      'root.pem',
      '-untrusted',
      'issuing.pem',
    ];
    const said = execFileSync('openssl', [...args, '-attime', '1780000000', 'leaf.pem'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.match(said, /leaf\.pem: OK/);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const foreign = new X509Certificate(good.chain[0]!);
  const own = parseCertificate(good.chain[0]!);
  assert.equal(foreign.serialNumber.toLowerCase(), own.serialHex);
  assert.equal(foreign.fingerprint256.replaceAll(':', '').toLowerCase(), own.sha256);
  assert.equal(nameValue(own.subject, 'serialNumber'), 'SN-00012345');
});

test('accepts a chain that the openssl command issued from a configuration file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-openssl-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const policy = `certificatePolicies = ${realmPolicyOid('prod')}`;
  const ca = `basicConstraints = critical, CA:TRUE, pathlen:`;
  writeFileSync(
    join(folder, 'x.cnf'),
    [
      '[req]\ndistinguished_name = dn\nutf8 = yes\nstring_mask = utf8only\n[dn]',
      `[root]\n${ca}1\nkeyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n${policy}`,
      `[ca]\n${ca}0\nkeyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n${policy}`,
      `[leaf]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = clientAuth\nauthorityKeyIdentifier = keyid\nsubjectKeyIdentifier = none\nsubjectAltName = @names\n${policy}`,
      '[names]\nURI = urn:imprint:prod:SN-7\notherName = 1.3.6.1.5.5.7.8.4;SEQUENCE:hardware',
      '[hardware]\ntype = OID:2.25.7\nserial = FORMAT:HEX,OCTETSTRING:0011aa',
    ].join('\n'),
  );
  try {
    const subject = (name: string) => `/O=Example Works/OU=imprint realm prod/CN=${name}`;
    openssl('ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-out', 'root.key');
    openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ca.key');
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'leaf.key');
    openssl(
      'req',
      '-x509',
      '-new',
      '-config',
      'x.cnf',
      '-extensions',
      'root',
      '-key',
      'root.key',
      '-sha384',
      '-days',
      '9000',
      '-subj',
      subject('Device Root'),
      '-outform',
      'DER',
      '-out',
      'root.der',
    );
    openssl('x509', '-inform', 'DER', '-in', 'root.der', '-out', 'root.pem');
    openssl(
      'req',
      '-new',
      '-config',
      'x.cnf',
      '-key',
      'ca.key',
      '-subj',
      subject('Device CA'),
      '-out',
      'ca.csr',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      'ca.csr',
      '-CA',
      'root.pem',
      '-CAkey',
      'root.key',
      '-sha384',
      '-set_serial',
      '0x7fffffffffffffff01',
      '-days',
      '8000',
      '-extfile',
      'x.cnf',
      '-extensions',
      'ca',
      '-out',
      'ca.pem',
    );
    openssl(
      'req',
      '-new',
      '-config',
      'x.cnf',
      '-key',
      'leaf.key',
      '-subj',
      '/serialNumber=SN-7/CN=SN-7',
      '-out',
      'leaf.csr',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-set_serial',
      '0x7fffffffffffffff02',
      '-days',
      '7000',
      '-extfile',
      'x.cnf',
      '-extensions',
      'leaf',
      '-outform',
      'DER',
      '-out',
      'leaf.der',
    );
    openssl('x509', '-in', 'ca.pem', '-outform', 'DER', '-out', 'ca.der');
    const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
    const leaf = verifyChain({
      chain: [read('leaf.der'), read('ca.der')],
      root: read('root.der'),
      at: new Date(Date.parse(parseCertificate(read('leaf.der')).notBefore) + 1000),
      realm: 'prod',
      purpose: 'device',
    });
    assert.equal(leaf.id, 'SN-7');
    assert.deepEqual(leaf.hardwareModule, { typeOid: '2.25.7', serial: fromHex('0011aa') });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const leafExtension = (position: number, value: Uint8Array) => (specs: Specs) => {
  specs.leaf.extensions[position] = value;
};
const issuingExtension = (position: number, value: Uint8Array) => (specs: Specs) => {
  specs.issuing.extensions[position] = value;
};
const rootExtension = (position: number, value: Uint8Array) => (specs: Specs) => {
  specs.root.extensions[position] = value;
};
const issuingName = (subject: Uint8Array) => (specs: Specs) => {
  specs.issuing.subject = subject;
  specs.leaf.issuer = subject;
};
const leafAlgorithm = (algorithm: Uint8Array) => (specs: Specs) => {
  specs.leaf.innerAlgorithm = algorithm;
  specs.leaf.outerAlgorithm = algorithm;
};
const leafSubject =
  (...attributes: Parameters<typeof encodeName>[0]) =>
  (specs: Specs) => {
    specs.leaf.subject = encodeName(attributes);
  };
const device = { type: 'serialNumber', value: 'SN-00012345' } as const;
const common = { type: 'commonName', value: 'SN-00012345' } as const;
const uri = altName.uri('urn:imprint:dev:SN-00012345');
const rdn = (...pairs: Uint8Array[]) => derSetOf(...pairs);
const pair = (id: string, value: Uint8Array) => derSequence(derOid(id), value);

type Refused = [name: string, reason: RefusalReason, change: (specs: Specs) => void];
const refused: Refused[] = [
  // form
  [
    'a version 1 certificate',
    'version_wrong',
    ({ leaf }) => Object.assign(leaf, { version: new Uint8Array(0) }),
  ],
  [
    'version 2',
    'version_wrong',
    ({ leaf }) => Object.assign(leaf, { version: derExplicit(0, derInteger(1)) }),
  ],
  ['a serial of zero', 'serial_wrong', ({ leaf }) => Object.assign(leaf, { serial: derInteger(0) })],
  ['a negative serial', 'serial_wrong', ({ leaf }) => Object.assign(leaf, { serial: fromHex('020180') })],
  [
    'a serial of 21 octets',
    'serial_wrong',
    ({ leaf }) => Object.assign(leaf, { serial: derInteger(new Uint8Array(21).fill(1)) }),
  ],
  [
    'a serial with a needless zero',
    'malformed',
    ({ leaf }) => Object.assign(leaf, { serial: fromHex('02020001') }),
  ],
  [
    'ECDSA with SHA-1',
    'signature_algorithm_unknown',
    leafAlgorithm(derSequence(derOid('1.2.840.10045.4.1'))),
  ],
  [
    'NULL parameters of the signature algorithm',
    'signature_algorithm_unknown',
    leafAlgorithm(derSequence(derOid('1.2.840.10045.4.3.2'), derNull)),
  ],
  [
    'another signature algorithm inside than outside',
    'signature_algorithm_mismatch',
    ({ leaf }) => Object.assign(leaf, { innerAlgorithm: signatureAlgorithm['ec-p384'] }),
  ],
  [
    "another signature algorithm than the issuer's key has",
    'signature_algorithm_mismatch',
    leafAlgorithm(signatureAlgorithm['ec-p384']),
  ],
  ['no extensions', 'extension_missing', ({ leaf }) => Object.assign(leaf, { extensions: [] })],
  [
    'bytes after the extensions',
    'malformed',
    ({ leaf }) => Object.assign(leaf, { afterExtensions: derNull }),
  ],
  [
    'an issuer unique ID',
    'extension_unknown',
    ({ leaf }) => Object.assign(leaf, { spki: concatBytes(leaf.spki, derImplicit(1, fromHex('00ff'))) }),
  ],
  [
    'an RSA-shaped key',
    'key_unsupported',
    ({ leaf }) =>
      Object.assign(leaf, {
        spki: derSequence(derSequence(derOid('1.2.840.113549.1.1.1'), derNull), fromHex('030100')),
      }),
  ],
  [
    'a key off its curve',
    'key_unsupported',
    ({ leaf }) => Object.assign(leaf, { spki: leaf.spki.with(90, leaf.spki[90]! ^ 1) }),
  ],
  [
    'a certificate over the cap',
    'too_large',
    ({ leaf }) => void leaf.extensions.push(extension('2.25.9', false, new Uint8Array(9000))),
  ],
  [
    'a GeneralizedTime before 2050',
    'malformed',
    ({ leaf }) => Object.assign(leaf, { notBefore: derElement(0x18, toUtf8('20260101000000Z')) }),
  ],
  ...Object.entries({
    'a UTCTime without seconds': [0x17, '2601010000Z'],
    'a UTCTime with an offset': [0x17, '260101000000+0000'],
    'a UTCTime of the 29th of February 2026': [0x17, '260229000000Z'],
    'a UTCTime in local time': [0x17, '260101000000'],
    'a GeneralizedTime with a fraction': [0x18, '20500101000000.5Z'],
    'a GeneralizedTime with an offset': [0x18, '20500101000000+0100'],
    'a GeneralizedTime of hour 24': [0x18, '20500101240000Z'],
    'a time as text': [0x0c, '260101000000Z'],
    'a UTCTime that is longer than one': [0x17, '20260101000000Z'],
  } as Record<string, [number, string]>).flatMap(([name, [tag, text]]): Refused[] => [
    [
      `${name} as its beginning`,
      'malformed',
      ({ leaf }) => Object.assign(leaf, { notBefore: derElement(tag, toUtf8(text)) }),
    ],
    [
      `${name} as its end`,
      'malformed',
      ({ leaf }) => Object.assign(leaf, { notAfter: derElement(tag, toUtf8(text)) }),
    ],
  ]),
  [
    'a third time in the validity',
    'malformed',
    ({ leaf }) => Object.assign(leaf, { notAfter: concatBytes(leaf.notAfter, leaf.notAfter) }),
  ],
  [
    'NULL parameters of Ed25519',
    'signature_algorithm_unknown',
    leafAlgorithm(derSequence(derOid('1.3.101.112'), derNull)),
  ],
  [
    'a serial of 20 octets and a sign octet',
    'serial_wrong',
    ({ leaf }) => Object.assign(leaf, { serial: derInteger(new Uint8Array(20).fill(0xff)) }),
  ],
  [
    'an empty list of extensions',
    'extension_missing',
    ({ leaf }) => Object.assign(leaf, { extensions: [], afterExtensions: derExplicit(3, derSequence()) }),
  ],
  [
    'an extension with a field too many',
    'malformed',
    ({ leaf }) =>
      void leaf.extensions.push(derSequence(derOid(oid.keyUsage), derOctetString(derNamedBits(0)), derNull)),
  ],
  [
    'an unknown extension of its CA that is not critical',
    'extension_unknown',
    ({ issuing }) => void issuing.extensions.push(extension('2.25.9', false, derNull)),
  ],
  [
    'an unknown extension of its root that is not critical',
    'extension_unknown',
    ({ root }) => void root.extensions.push(extension('2.25.9', false, derNull)),
  ],
  [
    'an extension twice in its CA',
    'extension_repeated',
    ({ issuing }) => void issuing.extensions.push(ext.keyUsage([5, 6])),
  ],
  [
    'a validity that ends before it begins',
    'validity_wrong',
    ({ leaf }) => Object.assign(leaf, { notAfter: derTime('2025-12-31T23:59:59Z') }),
  ],
  // names
  [
    'an unknown attribute',
    'name_wrong',
    ({ leaf }) =>
      Object.assign(leaf, { subject: derSequence(rdn(pair('2.5.4.6', derPrintableString('DE')))) }),
  ],
  ['an attribute twice', 'name_wrong', leafSubject(device, common, common)],
  [
    'two attributes in one RDN',
    'name_wrong',
    ({ leaf }) =>
      Object.assign(leaf, {
        subject: derSequence(
          rdn(pair(oid.commonName, derUtf8String('a')), pair(oid.serialNumber, derPrintableString('a'))),
        ),
      }),
  ],
  [
    'a serialNumber that is a UTF8String',
    'name_wrong',
    ({ leaf }) =>
      Object.assign(leaf, {
        subject: derSequence(
          rdn(pair(oid.serialNumber, derUtf8String('SN-00012345'))),
          rdn(pair(oid.commonName, derUtf8String('SN-00012345'))),
        ),
      }),
  ],
  [
    'a control character in a name',
    'name_wrong',
    leafSubject(device, { type: 'commonName', value: 'SN-00012345\u0000' }),
  ],
  ['an empty subject', 'name_wrong', ({ leaf }) => Object.assign(leaf, { subject: derSequence() })],
  // extensions
  [
    'an unknown critical extension',
    'extension_unknown',
    ({ leaf }) => void leaf.extensions.push(extension('2.25.9', true, derNull)),
  ],
  [
    'an unknown extension that is not critical',
    'extension_unknown',
    ({ leaf }) => void leaf.extensions.push(extension('2.25.9', false, derNull)),
  ],
  [
    'critical name constraints',
    'extension_unknown',
    ({ leaf }) => void leaf.extensions.push(extension('2.5.29.30', true, derSequence())),
  ],
  ['an extension twice', 'extension_repeated', ({ leaf }) => void leaf.extensions.push(ext.keyUsage([0]))],
  [
    'basicConstraints that are not critical',
    'extension_criticality_wrong',
    leafExtension(0, ext.notCa(false)),
  ],
  [
    'a keyUsage that is not critical',
    'extension_criticality_wrong',
    leafExtension(1, ext.keyUsage([0], false)),
  ],
  [
    'a critical SAN',
    'extension_criticality_wrong',
    leafExtension(5, extension(oid.subjectAltName, true, derSequence(uri))),
  ],
  [
    'a criticality of FALSE written out',
    'extension_criticality_wrong',
    leafExtension(
      4,
      derSequence(
        derOid(oid.certificatePolicies),
        derBoolean(false),
        derOctetString(derSequence(derSequence(derOid(realmPolicyOid('dev'))))),
      ),
    ),
  ],
  [
    'a cA of FALSE written out',
    'extension_value_wrong',
    leafExtension(0, extension(oid.basicConstraints, true, derSequence(derBoolean(false)))),
  ],
  [
    'trailing bytes in an extension',
    'malformed',
    leafExtension(1, extension(oid.keyUsage, true, concatBytes(derNamedBits(0), Uint8Array.of(0)))),
  ],
  ['a keyUsage without a bit', 'extension_value_wrong', leafExtension(1, ext.keyUsage([]))],
  ['a keyUsage of bit 9', 'extension_value_wrong', leafExtension(1, ext.keyUsage([0, 9]))],
  [
    'a policy qualifier',
    'malformed',
    leafExtension(
      4,
      extension(
        oid.certificatePolicies,
        false,
        derSequence(derSequence(derOid(realmPolicyOid('dev')), derSequence())),
      ),
    ),
  ],
  [
    'an authority key identifier by issuer and serial',
    'malformed',
    leafExtension(
      3,
      extension(oid.authorityKeyIdentifier, false, derSequence(derImplicit(2, fromHex('01')))),
    ),
  ],
  [
    'an e-mail address in the SAN',
    'extension_unknown',
    leafExtension(5, ext.altNames(uri, derImplicit(1, toUtf8('a@b')))),
  ],
  ['an empty extended key usage', 'extension_value_wrong', leafExtension(2, ext.extendedKeyUsage())],
  ['a SAN without names', 'extension_value_wrong', leafExtension(5, ext.altNames())],
  [
    'a policy twice',
    'extension_value_wrong',
    leafExtension(4, ext.policies(realmPolicyOid('dev'), realmPolicyOid('dev'))),
  ],
  ['no policy in the policies', 'extension_value_wrong', leafExtension(4, ext.policies())],
  [
    'an authority key identifier of 19 bytes',
    'extension_value_wrong',
    leafExtension(
      3,
      extension(oid.authorityKeyIdentifier, false, derSequence(derImplicit(0, new Uint8Array(19)))),
    ),
  ],
  [
    'a subject key identifier of 21 bytes',
    'extension_value_wrong',
    issuingExtension(2, extension(oid.subjectKeyIdentifier, false, derOctetString(new Uint8Array(21)))),
  ],
  [
    'another otherName in the SAN',
    'extension_unknown',
    leafExtension(5, ext.altNames(uri, altName.hardware('2.25.1', toUtf8('x'), '2.25.3'))),
  ],
  // the chain
  [
    "an issuer that differs from its CA's subject in string type only",
    'issuer_mismatch',
    ({ leaf }) =>
      Object.assign(leaf, {
        issuer: derSequence(
          rdn(pair(oid.organization, derPrintableString('Example Works'))),
          rdn(pair(oid.organizationalUnit, derUtf8String('imprint realm dev'))),
          rdn(pair(oid.commonName, derUtf8String('Device CA 1'))),
        ),
      }),
  ],
  [
    'an authority key identifier of another key',
    'key_identifier_mismatch',
    leafExtension(3, ext.authorityKey(keys.other.publicKey)),
  ],
  ['no authority key identifier', 'extension_missing', ({ leaf }) => void leaf.extensions.splice(3, 1)],
  [
    'an issuing CA without subject key identifier',
    'extension_missing',
    ({ issuing }) => void issuing.extensions.splice(2, 1),
  ],
  [
    'a leaf that another key signed',
    'signature_wrong',
    ({ leaf }) => Object.assign(leaf, { signer: keys.other }),
  ],
  [
    'a leaf that its own key signed',
    'signature_wrong',
    ({ leaf }) => Object.assign(leaf, { signer: keys.device }),
  ],
  [
    'an issuing CA that another root signed',
    'signature_wrong',
    ({ issuing }) => Object.assign(issuing, { signer: newKeyPair('ec-p384') }),
  ],
  [
    'a root that another key signed',
    'signature_wrong',
    ({ root }) => Object.assign(root, { signer: newKeyPair('ec-p384') }),
  ],
  [
    'a trailing byte in a signature',
    'signature_wrong',
    ({ leaf }) =>
      Object.assign(leaf, {
        changeSignature: (signature: Uint8Array) => concatBytes(signature, Uint8Array.of(0)),
      }),
  ],
  [
    'a bit flipped in a signature',
    'signature_wrong',
    ({ leaf }) =>
      Object.assign(leaf, {
        changeSignature: (signature: Uint8Array) => signature.with(20, signature[20]! ^ 1),
      }),
  ],
  [
    'a root that names another issuer',
    'root_wrong',
    ({ root }) =>
      Object.assign(root, { issuer: encodeName(caSubject('Example Works', 'dev', 'Device Root 0')) }),
  ],
  [
    'a root without subject key identifier',
    'extension_missing',
    ({ root, issuing }) => {
      root.extensions.splice(2, 1);
      issuing.extensions.splice(3, 1);
    },
  ],
  [
    'a root whose authority key identifier is not its own',
    'key_identifier_mismatch',
    ({ root }) => void root.extensions.push(ext.authorityKey(keys.other.publicKey)),
  ],
  ['an issuing CA that is no CA', 'not_a_ca', issuingExtension(0, ext.notCa())],
  [
    'an issuing CA without basicConstraints',
    'not_a_ca',
    ({ issuing }) => void issuing.extensions.splice(0, 1),
  ],
  ['a root that is no CA', 'not_a_ca', rootExtension(0, ext.notCa())],
  ['a root of path length 0 over an issuing CA', 'path_length_exceeded', rootExtension(0, ext.ca(0))],
  ['an issuing CA that may not sign certificates', 'key_usage_wrong', issuingExtension(1, ext.keyUsage([6]))],
  [
    'an issuing CA that also signs other things',
    'key_usage_wrong',
    issuingExtension(1, ext.keyUsage([0, 5, 6])),
  ],
  [
    'an issuing CA without keyUsage',
    'key_usage_wrong',
    ({ issuing }) => void issuing.extensions.splice(1, 1),
  ],
  [
    'an issuing CA with an extended key usage',
    'extension_not_in_profile',
    ({ issuing }) => void issuing.extensions.push(ext.extendedKeyUsage(oid.clientAuth)),
  ],
  ['a leaf that is a CA', 'extension_value_wrong', leafExtension(0, ext.ca())],
  [
    'a leaf that has expired',
    'expired',
    ({ leaf }) => Object.assign(leaf, { notAfter: derTime('2026-06-01T11:59:59Z') }),
  ],
  [
    'a leaf that is not valid yet',
    'not_yet_valid',
    ({ leaf }) => Object.assign(leaf, { notBefore: derTime('2026-06-01T12:00:01Z') }),
  ],
  [
    'an issuing CA that is not valid yet',
    'not_yet_valid',
    ({ issuing }) => Object.assign(issuing, { notBefore: derTime('2026-06-01T12:00:01Z') }),
  ],
  [
    'an issuing CA that has expired',
    'expired',
    ({ issuing, leaf }) =>
      Object.assign(issuing, { notAfter: derTime('2026-06-01T11:59:59Z') }) &&
      Object.assign(leaf, { notAfter: derTime('2026-06-01T11:59:59Z') }),
  ],
  [
    'a root that has expired, over certificates that have not',
    'outlives_issuer',
    ({ root }) => Object.assign(root, { notAfter: derTime('2026-06-01T11:59:59Z') }),
  ],
  [
    'a root that is not valid yet',
    'not_yet_valid',
    ({ root }) => Object.assign(root, { notBefore: derTime('2026-06-01T12:00:01Z') }),
  ],
  [
    'a leaf that outlives its issuer',
    'outlives_issuer',
    ({ issuing }) => Object.assign(issuing, { notAfter: derTime('2099-01-01T00:00:00Z') }),
  ],
  [
    'an issuing CA with the name of its root',
    'name_repeated',
    ({ root, issuing, leaf }) => {
      issuing.subject = root.subject;
      leaf.issuer = issuing.subject;
    },
  ],
  [
    "a leaf with its issuer's key",
    'key_repeated',
    ({ leaf, issuing }) => Object.assign(leaf, { spki: issuing.spki }),
  ],
  // the realm
  [
    'I-20: a leaf with the policy of another realm',
    'realm_mismatch',
    leafExtension(4, ext.policies(realmPolicyOid('prod'))),
  ],
  [
    'I-20: a leaf with the policies of two realms',
    'realm_mismatch',
    leafExtension(4, ext.policies(realmPolicyOid('dev'), realmPolicyOid('prod'))),
  ],
  ['I-20: a leaf without policy', 'extension_missing', ({ leaf }) => void leaf.extensions.splice(4, 1)],
  ['I-20: a leaf of any policy', 'realm_mismatch', leafExtension(4, ext.policies('2.5.29.32.0'))],
  [
    'I-20: an issuing CA with the policy of another realm',
    'realm_mismatch',
    issuingExtension(4, ext.policies(realmPolicyOid('test'))),
  ],
  [
    'I-20: a root with the policy of another realm',
    'realm_mismatch',
    rootExtension(3, ext.policies(realmPolicyOid('test'))),
  ],
  [
    'I-20: an issuing CA that names another realm',
    'realm_mismatch',
    issuingName(encodeName(caSubject('Example Works', 'prod', 'Device CA 1'))),
  ],
  [
    'I-20: a root that names another realm',
    'realm_mismatch',
    ({ root, issuing }) => {
      const name = encodeName(caSubject('Example Works', 'prod', 'Device Root 1'));
      Object.assign(root, { subject: name, issuer: name });
      issuing.issuer = name;
    },
  ],
  [
    'I-20: a leaf whose URI names another realm',
    'realm_mismatch',
    leafExtension(5, ext.altNames(altName.uri('urn:imprint:prod:SN-00012345'))),
  ],
  [
    'I-20: a leaf whose unit names another realm',
    'realm_mismatch',
    leafSubject(device, { type: 'organizationalUnit', value: 'imprint realm prod' }, common),
  ],
  [
    'I-20: a leaf whose unit names a realm in other letters',
    'realm_mismatch',
    leafSubject(device, { type: 'organizationalUnit', value: 'Imprint Realm dev' }, common),
  ],
  [
    'an issuing CA without a realm in its subject',
    'subject_wrong',
    issuingName(
      encodeName([
        { type: 'organization', value: 'Example Works' },
        { type: 'commonName', value: 'Device CA 1' },
      ]),
    ),
  ],
  // the leaf
  ['a leaf that may also agree keys', 'key_usage_wrong', leafExtension(1, ext.keyUsage([0, 4]))],
  ['a leaf without keyUsage', 'key_usage_wrong', ({ leaf }) => void leaf.extensions.splice(1, 1)],
  ['a leaf without basicConstraints', 'extension_missing', ({ leaf }) => void leaf.extensions.splice(0, 1)],
  ['a leaf for servers', 'purpose_wrong', leafExtension(2, ext.extendedKeyUsage(oid.serverAuth))],
  [
    'a leaf for clients and servers',
    'purpose_wrong',
    leafExtension(2, ext.extendedKeyUsage(oid.clientAuth, oid.serverAuth)),
  ],
  ['a leaf without extended key usage', 'purpose_wrong', ({ leaf }) => void leaf.extensions.splice(2, 1)],
  [
    'a leaf with a subject key identifier',
    'extension_not_in_profile',
    ({ leaf }) => void leaf.extensions.push(ext.subjectKey(keys.device.publicKey)),
  ],
  ['a leaf without serialNumber', 'subject_wrong', leafSubject(common)],
  ['a leaf without common name', 'subject_wrong', leafSubject(device)],
  [
    'a serialNumber that is not the common name',
    'subject_wrong',
    leafSubject({ type: 'serialNumber', value: 'SN-00012346' }, common),
  ],
  ['a leaf without SAN', 'extension_missing', ({ leaf }) => void leaf.extensions.splice(5, 1)],
  [
    'a SAN without URI',
    'subject_alt_name_wrong',
    leafExtension(5, ext.altNames(altName.hardware('2.25.1', toUtf8('x')))),
  ],
  [
    'a SAN with the URI of another device',
    'subject_alt_name_wrong',
    leafExtension(5, ext.altNames(altName.uri('urn:imprint:dev:SN-00012346'))),
  ],
  ['a SAN with two URIs', 'subject_alt_name_wrong', leafExtension(5, ext.altNames(uri, uri))],
  [
    'a SAN with a host name as well',
    'subject_alt_name_wrong',
    leafExtension(5, ext.altNames(uri, altName.dns('example.com'))),
  ],
  [
    'a SAN with two hardware modules',
    'subject_alt_name_wrong',
    leafExtension(
      5,
      ext.altNames(uri, altName.hardware('2.25.1', toUtf8('x')), altName.hardware('2.25.1', toUtf8('y'))),
    ),
  ],
  [
    'a device that is named like a station',
    'subject_wrong',
    (specs) => {
      leafSubject(
        { type: 'serialNumber', value: 'station:S1' },
        { type: 'commonName', value: 'station:S1' },
      )(specs);
      leafExtension(5, ext.altNames(altName.uri('urn:imprint:dev:station:S1')))(specs);
    },
  ],
];
for (const [name, reason, change] of refused) {
  test(`${name.startsWith('I-20: ') ? `I-20: refuses ${name.slice(6)}` : `refuses ${name}`}`, () => {
    refuses(() => verify(buildChain(change)), reason);
  });
}

test('refuses a chain that is short, long, out of order, or has the root or a stranger in it', () => {
  const [leaf, issuing] = good.chain as [Uint8Array, Uint8Array];
  const stranger = buildCertificate({
    ...goodSpecs().issuing,
    subject: encodeName(caSubject('X', 'dev', 'Y')),
    spki: keys.other.publicKey.spki,
  });
  refuses(() => verify({ ...good, chain: [] }), 'chain_length_wrong');
  refuses(() => verify({ ...good, chain: [leaf] }), 'chain_length_wrong');
  refuses(() => verify({ ...good, chain: [leaf, issuing, issuing, issuing] }), 'chain_length_wrong');
  refuses(() => verify({ ...good, chain: [issuing, leaf] }), 'issuer_mismatch', 0);
  refuses(() => verify({ ...good, chain: [leaf, issuing, good.root] }), 'name_repeated', 3);
  refuses(() => verify({ ...good, chain: [leaf, issuing, stranger] }), 'issuer_mismatch', 1);
  refuses(() => verify({ ...good, chain: [leaf, stranger, issuing] }), 'issuer_mismatch', 0);
  refuses(() => verify({ ...good, root: issuing }), 'name_repeated', 2);
});

test('refuses an extra CA below one of path length 0, and accepts it below one of path length 1', () => {
  const build = (pathLength: number) => {
    const specs = goodSpecs();
    const middleName = encodeName(caSubject('Example Works', 'dev', 'Device Middle'));
    const middle = {
      ...specs.issuing,
      subject: middleName,
      spki: keys.other.publicKey.spki,
      extensions: specs.issuing.extensions
        .with(0, ext.ca(pathLength))
        .with(2, ext.subjectKey(keys.other.publicKey)),
    };
    specs.issuing.issuer = middleName;
    specs.issuing.signer = keys.other;
    specs.issuing.extensions[3] = ext.authorityKey(keys.other.publicKey);
    return {
      root: good.root,
      chain: [buildCertificate(specs.leaf), buildCertificate(specs.issuing), buildCertificate(middle)],
    };
  };
  assert.equal(verify(build(1)).id, 'SN-00012345');
  refuses(() => verify(build(0)), 'path_length_exceeded', 2);
});

test('both ends of the validity belong to it', () => {
  const bounded = buildChain(({ leaf }) =>
    Object.assign(leaf, { notAfter: derTime('2027-01-01T00:00:00Z') }),
  );
  assert.ok(verify(bounded, { at: '2026-01-01T00:00:00.000Z' }));
  assert.ok(verify(bounded, { at: '2027-01-01T00:00:00.999Z' }));
  refuses(() => verify(bounded, { at: '2025-12-31T23:59:59.999Z' }), 'not_yet_valid');
  refuses(() => verify(bounded, { at: '2027-01-01T00:00:01.000Z' }), 'expired');
  for (const wrong of [
    '2026-06-01',
    '2026-06-01T12:00:00+02:00',
    '2026-02-30T12:00:00Z',
    '2026-06-01T24:00:00Z',
    '2026-06-01T12Z',
    'now',
    new Date(Number.NaN),
  ]) {
    assert.throws(() => verify(bounded, { at: wrong }), { code: 'bad_request' });
  }
});

test("I-20: a device's chain of realm dev is none of test or prod, and no station's or server's", () => {
  refuses(() => verify(good, { realm: 'prod' }), 'realm_mismatch');
  refuses(() => verify(good, { realm: 'test' }), 'realm_mismatch');
  refuses(() => verify(good, { purpose: 'station' }), 'ca_for_others', 1);
  refuses(() => verify(good, { purpose: 'server' }), 'ca_for_others', 1);
  refuses(() => verify(station(), { purpose: 'device' }), 'ca_for_others', 1);
  refuses(() => verify(station(), { purpose: 'server' }), 'purpose_wrong', 0);
  refuses(() => verify(server(), { purpose: 'station' }), 'purpose_wrong', 0);
});

test('I-9: a leaf of one kind under a CA of the other is refused, though root, realm and signatures are right', () => {
  const deviceUnderStationCa = buildChain((specs) => nameCas(specs, 'Device Root 1', 'Station CA 1'));
  refuses(() => verify(deviceUnderStationCa), 'ca_for_others', 1);
  const stationUnderDeviceCa = station((specs) => nameCas(specs, 'Station Root', 'Device CA 1'));
  refuses(() => verify(stationUnderDeviceCa, { purpose: 'station' }), 'ca_for_others', 1);
  const deviceUnderStationRoot = buildChain((specs) => nameCas(specs, 'Station Root', 'Device CA 1'));
  refuses(() => verify(deviceUnderStationRoot), 'ca_for_others', 2);
});

test('a CA whose name does not begin with whom it certifies certifies nobody', () => {
  for (const name of ['CA', 'Devices', 'device CA', ' Device CA', 'Station', 'My Device CA']) {
    const chain = buildChain((specs) => nameCas(specs, 'Device Root 1', name));
    for (const purpose of ['device', 'station', 'server'] as const)
      refuses(() => verify(chain, { purpose }), 'ca_for_others', 1);
  }
});

const station = (change?: (specs: Specs) => void) =>
  buildChain((specs) => {
    asStation(specs);
    change?.(specs);
  });
const server = (change?: (specs: Specs) => void) =>
  buildChain((specs) => {
    asServer(specs);
    change?.(specs);
  });

test('reads station and server leaves', () => {
  assert.equal(verify(station(), { purpose: 'station' }).id, 'S1');
  const leaf = verify(server(), { purpose: 'server' });
  assert.deepEqual(leaf.dnsNames, ['localhost']);
  assert.deepEqual(leaf.ipAddresses, ['127.0.0.1', '0:0:0:0:0:0:0:1']);
});

test("refuses a station that has a device's URI, a serialNumber or hardware, and a server with a URI or no name", () => {
  refuses(
    () =>
      verify(station(leafExtension(5, ext.altNames(altName.uri('urn:imprint:dev:S1')))), {
        purpose: 'station',
      }),
    'subject_alt_name_wrong',
  );
  refuses(
    () =>
      verify(
        station(leafSubject({ type: 'serialNumber', value: 'S1' }, { type: 'commonName', value: 'S1' })),
        { purpose: 'station' },
      ),
    'subject_wrong',
  );
  refuses(
    () =>
      verify(
        station(
          leafExtension(
            5,
            ext.altNames(altName.uri('urn:imprint:dev:station:S1'), altName.hardware('2.25.1', toUtf8('x'))),
          ),
        ),
        { purpose: 'station' },
      ),
    'subject_alt_name_wrong',
  );
  refuses(
    () =>
      verify(station(leafSubject({ type: 'organization', value: 'Example Works' })), { purpose: 'station' }),
    'subject_wrong',
  );
  refuses(
    () =>
      verify(
        server(
          leafExtension(
            5,
            ext.altNames(altName.dns('localhost'), altName.uri('urn:imprint:dev:station:authority')),
          ),
        ),
        { purpose: 'server' },
      ),
    'subject_alt_name_wrong',
  );
  refuses(
    () => verify(server(leafExtension(5, ext.altNames(altName.dns('*.example.com')))), { purpose: 'server' }),
    'extension_value_wrong',
  );
  refuses(
    () => verify(server(leafExtension(5, ext.altNames(altName.ip('7f0000')))), { purpose: 'server' }),
    'extension_value_wrong',
  );
});

test('I-10: no octet of leaf or issuing CA can be changed, dropped or added', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 1 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.nat({ max: 2 }),
      (which, at, change, way) => {
        const der = good.chain[which]!;
        const position = at % der.length;
        const bad =
          way === 0
            ? der.with(position, der[position]! ^ change)
            : way === 1
              ? concatBytes(der.subarray(0, position), der.subarray(position + 1))
              : concatBytes(der.subarray(0, position), Uint8Array.of(change), der.subarray(position));
        assert.throws(() => verify({ ...good, chain: good.chain.with(which, bad) }), {
          code: 'certificate_refused',
        });
      },
    ),
    { numRuns: 300 },
  );
});
