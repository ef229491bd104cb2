import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { buildChain, ext, type KeyPair, newKeyPair } from './chain-fixture.test-kit.ts';
import { judgeChain } from './chain-verdict.ts';
import { derInteger, derTime } from './der-writer.ts';
import { toPem } from './pem.ts';
import { type KeyType, keyTypes } from './public-key.ts';
import { realmPolicyOid } from './realm.ts';
import type { RefusalReason } from './refusal.ts';

// Chains that the `openssl` command makes (Debian package `openssl`), judged by it and by us: we may be stricter, never laxer.

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'imprint-beside-'));
});
after(() => rmSync(folder, { recursive: true }));

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

const policy = `certificatePolicies = ${realmPolicyOid('dev')}`;
const caUsage = 'keyUsage = critical, keyCertSign, cRLSign';
const keyIds = ['subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid'];

interface Certificate {
  /** `/O=…/CN=…` */
  subject: string;
  key: string;
  extensions: string[];
  /** Absent: it signs itself. */
  issuer?: Certificate;
  days: number;
  digest?: string;
  serial?: string;
}

const works = '/O=Example Works/OU=imprint realm dev';
const rootOf = (changes: Partial<Certificate> = {}): Certificate => ({
  subject: `${works}/CN=Device Root`,
  key: 'p384',
  extensions: ['basicConstraints = critical, CA:TRUE', caUsage, 'subjectKeyIdentifier = hash', policy],
  days: 4000,
  ...changes,
});
const caOf = (changes: Partial<Certificate> = {}): Certificate => ({
  subject: `${works}/CN=Device CA`,
  key: 'p256',
  extensions: ['basicConstraints = critical, CA:TRUE, pathlen:0', caUsage, ...keyIds, policy],
  issuer: rootOf(),
  days: 3000,
  ...changes,
});
const leafExtensions = [
  'basicConstraints = critical, CA:FALSE',
  'keyUsage = critical, digitalSignature',
  'extendedKeyUsage = clientAuth',
  'authorityKeyIdentifier = keyid',
  'subjectKeyIdentifier = none',
  'subjectAltName = URI:urn:imprint:dev:SN-7',
  policy,
];
const leafOf = (changes: Partial<Certificate> = {}): Certificate => ({
  subject: '/serialNumber=SN-7/CN=SN-7',
  key: 'leaf',
  extensions: leafExtensions,
  issuer: caOf(),
  days: 2000,
  ...changes,
});
/** The list with the line of one extension replaced, or left out; what is not there yet is added. */
const changed = (lines: string[], name: string, value?: string) => [
  ...lines.filter((line) => !line.startsWith(`${name} =`)),
  ...(value === undefined ? [] : [`${name} = ${value}`]),
];
const leafWith = (name: string, value?: string) =>
  leafOf({ extensions: changed(leafExtensions, name, value) });
const underCa = (name: string, value?: string) =>
  leafOf({ issuer: caOf({ extensions: changed(caOf().extensions, name, value) }) });

const algorithms: Record<string, string[]> = {
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  leaf: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  stranger: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  p521: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  k256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
  explicit: [
    ...['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-pkeyopt', 'ec_param_enc:explicit'],
  ],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ed25519: ['-algorithm', 'ED25519'],
  'ed25519-of-ca': ['-algorithm', 'ED25519'],
  ed448: ['-algorithm', 'ED448'],
};

const made = new Map<string, string>();
let begun = 0;

/** The file that holds what `write` makes; each is made once. */
function once(what: string, write: (file: string) => void): string {
  const known = made.get(what);
  if (known !== undefined) return known;
  const file = `${++begun}.pem`;
  write(file);
  made.set(what, file);
  return file;
}

const keyFile = (key: string) => once(key, (file) => openssl('genpkey', ...algorithms[key]!, '-out', file));

function certificateFile(certificate: Certificate): string {
  const { subject, key, extensions, issuer, days, serial } = certificate;
  const digest = certificate.digest ?? digestOf((issuer ?? certificate).key);
  return once(JSON.stringify(certificate), (file) => {
    const config = [
      '[req]\ndistinguished_name = dn\nstring_mask = utf8only\n[dn]',
      `[of]\n${extensions.join('\n')}`,
    ];
    writeFileSync(join(folder, `${file}.cnf`), `${config.join('\n')}\n`);
    const request = ['-new', '-config', `${file}.cnf`, '-key', keyFile(key), '-subj', subject];
    const signing = [
      ...['-days', String(days), '-out', file],
      ...(digest === null ? [] : [`-${digest}`]),
      ...(serial === undefined ? [] : ['-set_serial', serial]),
    ];
    if (issuer === undefined) {
      openssl('req', '-x509', '-extensions', 'of', ...request, ...signing);
      return;
    }
    openssl('req', ...request, '-out', `${file}.csr`);
    const signer = ['-CA', certificateFile(issuer), '-CAkey', keyFile(issuer.key), '-CAcreateserial'];
    const bearing = extensions.length === 0 ? [] : ['-extfile', `${file}.cnf`, '-extensions', 'of'];
    openssl('x509', '-req', '-in', `${file}.csr`, ...signer, ...bearing, ...signing);
  });
}

/** What our verifier asks for; the keys that hash by themselves take none. */
function digestOf(key: string): string | null {
  if (key.startsWith('ed')) return null;
  return key === 'p384' ? 'sha384' : 'sha256';
}

interface Shown {
  leaf: Certificate;
  /** The issuers that are shown, the leaf's first. Absent: those that signed. */
  issuers?: Certificate[];
  root?: Certificate;
  /** Days from now. */
  inDays?: number;
}

function verdicts({ leaf, issuers = issuersOf(leaf), root = rootOf(), inDays = 1 }: Shown) {
  const chain = [leaf, ...issuers].map(certificateFile);
  const at = new Date(Date.now() + inDays * 86_400_000);
  const read = (file: string) => new Uint8Array(new X509Certificate(readFileSync(join(folder, file))).raw);
  const ours = judgeChain(() => ({
    chain: chain.map(read),
    root: read(certificateFile(root)),
    at,
    realm: 'dev',
    purpose: 'device',
  }));
  return {
    theirs: opensslVerdict(chain, certificateFile(root), Math.floor(at.getTime() / 1000)),
    ours: ours.reason?.code ?? 'accept',
  };
}

/** Those between the leaf and its root. */
function issuersOf({ issuer }: Certificate): Certificate[] {
  return issuer?.issuer === undefined ? [] : [issuer, ...issuersOf(issuer)];
}

function opensslVerdict([leaf, ...issuers]: string[], root: string, at: number): 'accept' | 'refuse' {
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['verify', '-x509_strict', '-auth_level', '2', '-no-CApath', '-no-CAstore', '-purpose', 'sslclient'],
      ...['-policy', realmPolicyOid('dev'), '-explicit_policy', '-attime', String(at)],
      ...['-CAfile', root, ...issuers.flatMap((file) => ['-untrusted', file]), leaf!],
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  assert.ok(status === 0 || /verification failed|error/i.test(stderr), stderr);
  return status === 0 ? 'accept' : 'refuse';
}

const inner = caOf({ subject: `${works}/CN=Device CA 2`, key: 'stranger', issuer: caOf(), days: 2500 });
const namesake = caOf({ key: 'stranger' });
const wideCa = caOf({
  extensions: changed(caOf().extensions, 'basicConstraints', 'critical, CA:TRUE, pathlen:1'),
});

/** What is shown, what OpenSSL says, and what we say. */
const cases: [string, 'accept' | 'refuse', RefusalReason | 'accept' | 'unreadable', Shown][] = [
  ['a good chain', 'accept', 'accept', { leaf: leafOf() }],
  [
    'a good chain over two CAs',
    'accept',
    'accept',
    { leaf: leafOf({ issuer: { ...inner, issuer: wideCa } }) },
  ],
  [
    'a good chain of Ed25519 keys',
    'accept',
    'accept',
    { leaf: leafOf({ key: 'ed25519', issuer: caOf({ key: 'ed25519-of-ca' }) }) },
  ],
  [
    'a good leaf with a P-384 key',
    'accept',
    'accept',
    {
      leaf: leafOf({ key: 'p384', issuer: caOf({ issuer: rootOf({ key: 'stranger' }) }) }),
      root: rootOf({ key: 'stranger' }),
    },
  ],
  // time
  ['an expired leaf', 'refuse', 'expired', { leaf: leafOf(), inDays: 2001 }],
  [
    'an expired CA',
    'refuse',
    'outlives_issuer',
    { leaf: leafOf({ days: 100, issuer: caOf({ days: 10 }) }), inDays: 20 },
  ],
  ['a chain that is not valid yet', 'refuse', 'not_yet_valid', { leaf: leafOf(), inDays: -1 }],
  ['a leaf that outlives its CA', 'accept', 'outlives_issuer', { leaf: leafOf({ days: 3500 }) }],
  // who issued it
  [
    'a CA of the same name and another key',
    'refuse',
    'key_identifier_mismatch',
    { leaf: leafOf(), issuers: [namesake] },
  ],
  [
    'the same without key identifiers in the leaf',
    'refuse',
    'extension_missing',
    { leaf: leafWith('authorityKeyIdentifier', 'none'), issuers: [namesake] },
  ],
  ['the CA of another leaf', 'refuse', 'issuer_mismatch', { leaf: leafOf(), issuers: [inner] }],
  ['no CA', 'refuse', 'chain_length_wrong', { leaf: leafOf(), issuers: [] }],
  [
    'another root of the same name',
    'refuse',
    'key_identifier_mismatch',
    { leaf: leafOf(), root: rootOf({ key: 'stranger' }) },
  ],
  [
    'a leaf that the root signed',
    'accept',
    'chain_length_wrong',
    { leaf: leafOf({ issuer: rootOf() }), issuers: [] },
  ],
  [
    'a leaf that signed itself',
    'refuse',
    'chain_length_wrong',
    {
      leaf: leafOf({ issuer: undefined, extensions: changed(leafExtensions, 'authorityKeyIdentifier') }),
      issuers: [],
    },
  ],
  [
    'a CA out of order',
    'accept',
    'issuer_mismatch',
    {
      leaf: leafOf({ issuer: { ...inner, issuer: wideCa } }),
      issuers: [wideCa, { ...inner, issuer: wideCa }],
    },
  ],
  ['a CA too many', 'accept', 'issuer_mismatch', { leaf: leafOf(), issuers: [caOf(), inner] }],
  ['the root in the chain', 'accept', 'name_repeated', { leaf: leafOf(), issuers: [caOf(), rootOf()] }],
  // the CAs
  ['a CA that is none', 'refuse', 'not_a_ca', { leaf: underCa('basicConstraints', 'critical, CA:FALSE') }],
  ['a CA without basicConstraints', 'refuse', 'not_a_ca', { leaf: underCa('basicConstraints') }],
  [
    'a CA whose basicConstraints are not critical',
    'refuse',
    'extension_criticality_wrong',
    { leaf: underCa('basicConstraints', 'CA:TRUE, pathlen:0') },
  ],
  ['a CA below one of path length 0', 'refuse', 'path_length_exceeded', { leaf: leafOf({ issuer: inner }) }],
  [
    'a root of path length 0 over a CA',
    'refuse',
    'path_length_exceeded',
    {
      leaf: leafOf({
        issuer: caOf({
          issuer: rootOf({
            extensions: changed(rootOf().extensions, 'basicConstraints', 'critical, CA:TRUE, pathlen:0'),
          }),
        }),
      }),
      root: rootOf({
        extensions: changed(rootOf().extensions, 'basicConstraints', 'critical, CA:TRUE, pathlen:0'),
      }),
    },
  ],
  [
    'a CA that may not sign certificates',
    'refuse',
    'key_usage_wrong',
    { leaf: underCa('keyUsage', 'critical, cRLSign') },
  ],
  ['a CA without keyUsage', 'refuse', 'key_usage_wrong', { leaf: underCa('keyUsage') }],
  [
    'a CA that signs other things as well',
    'accept',
    'key_usage_wrong',
    { leaf: underCa('keyUsage', 'critical, keyCertSign, digitalSignature') },
  ],
  [
    'a CA without subject key identifier',
    'refuse',
    'extension_missing',
    {
      leaf: leafOf({
        extensions: changed(leafExtensions, 'authorityKeyIdentifier', 'none'),
        issuer: caOf({ extensions: changed(caOf().extensions, 'subjectKeyIdentifier', 'none') }),
      }),
    },
  ],
  [
    'a CA without authority key identifier',
    'refuse',
    'extension_missing',
    { leaf: underCa('authorityKeyIdentifier', 'none') },
  ],
  [
    'a CA for servers alone',
    'refuse',
    'extension_not_in_profile',
    { leaf: underCa('extendedKeyUsage', 'serverAuth') },
  ],
  [
    'a CA for clients alone',
    'accept',
    'extension_not_in_profile',
    { leaf: underCa('extendedKeyUsage', 'clientAuth') },
  ],
  [
    'a CA for stations',
    'accept',
    'ca_for_others',
    { leaf: leafOf({ issuer: caOf({ subject: `${works}/CN=Station CA` }) }) },
  ],
  [
    'a CA of another realm',
    'accept',
    'realm_mismatch',
    { leaf: leafOf({ issuer: caOf({ subject: '/O=Example Works/OU=imprint realm prod/CN=Device CA' }) }) },
  ],
  [
    "a CA without the realm's policy",
    'refuse',
    'extension_missing',
    { leaf: underCa('certificatePolicies') },
  ],
  ['a CA of any policy', 'accept', 'realm_mismatch', { leaf: underCa('certificatePolicies', 'anyPolicy') }],
  [
    'names that the CA may not give',
    'refuse',
    'extension_unknown',
    { leaf: underCa('nameConstraints', 'critical, permitted;DNS:example.com, permitted;URI:example.com') },
  ],
  [
    'names that the CA may give',
    'accept',
    'extension_unknown',
    { leaf: underCa('nameConstraints', 'critical, permitted;DNS:example.com') },
  ],
  [
    'policy constraints',
    'accept',
    'extension_unknown',
    { leaf: underCa('policyConstraints', 'critical, requireExplicitPolicy:0') },
  ],
  [
    'an unknown critical extension of the CA',
    'refuse',
    'extension_unknown',
    { leaf: underCa('2.25.9', 'critical, ASN1:NULL') },
  ],
  ['an unknown extension of the CA', 'accept', 'extension_unknown', { leaf: underCa('2.25.9', 'ASN1:NULL') }],
  // algorithms and keys
  ['a leaf signed over SHA-1', 'refuse', 'signature_algorithm_unknown', { leaf: leafOf({ digest: 'sha1' }) }],
  [
    'a leaf signed over SHA-512',
    'accept',
    'signature_algorithm_unknown',
    { leaf: leafOf({ digest: 'sha512' }) },
  ],
  [
    'a P-256 signature over SHA-384',
    'accept',
    'signature_algorithm_mismatch',
    { leaf: leafOf({ digest: 'sha384' }) },
  ],
  ['an RSA leaf', 'accept', 'key_unsupported', { leaf: leafOf({ key: 'rsa' }) }],
  ['an RSA CA', 'accept', 'signature_algorithm_unknown', { leaf: leafOf({ issuer: caOf({ key: 'rsa' }) }) }],
  ['a P-521 leaf', 'accept', 'key_unsupported', { leaf: leafOf({ key: 'p521' }) }],
  ['a secp256k1 leaf', 'accept', 'key_unsupported', { leaf: leafOf({ key: 'k256' }) }],
  ['an Ed448 leaf', 'accept', 'key_unsupported', { leaf: leafOf({ key: 'ed448' }) }],
  [
    'a leaf with explicit curve parameters',
    'refuse',
    'key_unsupported',
    { leaf: leafOf({ key: 'explicit' }) },
  ],
  ["a leaf with its CA's key", 'accept', 'key_repeated', { leaf: leafOf({ key: 'p256' }) }],
  // the leaf
  ['a certificate of version 1', 'refuse', 'version_wrong', { leaf: leafOf({ extensions: [] }) }],
  ['a leaf for servers', 'refuse', 'purpose_wrong', { leaf: leafWith('extendedKeyUsage', 'serverAuth') }],
  [
    'a leaf for everything',
    'accept',
    'purpose_wrong',
    { leaf: leafWith('extendedKeyUsage', 'anyExtendedKeyUsage, clientAuth') },
  ],
  ['a leaf without extended key usage', 'accept', 'purpose_wrong', { leaf: leafWith('extendedKeyUsage') }],
  [
    'a leaf that is a CA',
    'accept',
    'extension_value_wrong',
    {
      leaf: leafOf({
        extensions: changed(
          changed(leafExtensions, 'basicConstraints', 'critical, CA:TRUE'),
          'subjectKeyIdentifier',
          'hash',
        ).map((line) => line.replace('digitalSignature', 'digitalSignature, keyCertSign')),
      }),
    },
  ],
  ['a leaf without basicConstraints', 'accept', 'extension_missing', { leaf: leafWith('basicConstraints') }],
  ['a leaf without keyUsage', 'accept', 'key_usage_wrong', { leaf: leafWith('keyUsage') }],
  [
    'a leaf that may not sign',
    'refuse',
    'key_usage_wrong',
    { leaf: leafWith('keyUsage', 'critical, keyEncipherment') },
  ],
  [
    'a leaf that enciphers keys as well',
    'accept',
    'key_usage_wrong',
    { leaf: leafWith('keyUsage', 'critical, digitalSignature, keyEncipherment') },
  ],
  [
    'a keyUsage that is not critical',
    'accept',
    'extension_criticality_wrong',
    { leaf: leafWith('keyUsage', 'digitalSignature') },
  ],
  [
    'a leaf without authority key identifier',
    'refuse',
    'extension_missing',
    { leaf: leafWith('authorityKeyIdentifier', 'none') },
  ],
  [
    'a leaf with a subject key identifier',
    'accept',
    'extension_not_in_profile',
    { leaf: leafWith('subjectKeyIdentifier', 'hash') },
  ],
  [
    'a leaf of another realm',
    'refuse',
    'realm_mismatch',
    { leaf: leafWith('certificatePolicies', realmPolicyOid('prod')) },
  ],
  [
    'a leaf of two realms',
    'accept',
    'realm_mismatch',
    { leaf: leafWith('certificatePolicies', `${realmPolicyOid('dev')}, ${realmPolicyOid('prod')}`) },
  ],
  ['a leaf without policy', 'refuse', 'extension_missing', { leaf: leafWith('certificatePolicies') }],
  [
    'an unknown critical extension',
    'refuse',
    'extension_unknown',
    { leaf: leafWith('2.25.9', 'critical, ASN1:NULL') },
  ],
  ['an unknown extension', 'accept', 'extension_unknown', { leaf: leafWith('2.25.9', 'ASN1:NULL') }],
  [
    'a CRL to look at, and no OCSP to ask',
    'accept',
    'extension_missing',
    { leaf: leafWith('crlDistributionPoints', 'URI:http://example.com/crl') },
  ],
  [
    'a CRL to look at that is not told over plain HTTP',
    'accept',
    'extension_value_wrong',
    { leaf: leafWith('crlDistributionPoints', 'URI:ldap://example.com/crl') },
  ],
  [
    'a critical SAN',
    'accept',
    'extension_criticality_wrong',
    { leaf: leafWith('subjectAltName', 'critical, URI:urn:imprint:dev:SN-7') },
  ],
  [
    'the name of another device in the SAN',
    'accept',
    'subject_alt_name_wrong',
    { leaf: leafWith('subjectAltName', 'URI:urn:imprint:dev:SN-8') },
  ],
  [
    'a country in the subject',
    'accept',
    'name_wrong',
    { leaf: leafOf({ subject: '/C=DE/serialNumber=SN-7/CN=SN-7' }) },
  ],
  [
    'two names in the subject',
    'accept',
    'name_wrong',
    { leaf: leafOf({ subject: '/serialNumber=SN-7/CN=SN-7/CN=SN-8' }) },
  ],
  ['a serial of 21 octets', 'accept', 'serial_wrong', { leaf: leafOf({ serial: `0x7f${'01'.repeat(20)}` }) }],
  ['a serial of zero', 'accept', 'serial_wrong', { leaf: leafOf({ serial: '0' }) }],
  ['a negative serial', 'accept', 'serial_wrong', { leaf: leafOf({ serial: '-5' }) }],
];

for (const [name, theirs, ours, shown] of cases) {
  test(`${name}: OpenSSL would ${theirs}, we ${ours === 'accept' ? 'accept' : `refuse, ${ours}`}`, () => {
    assert.deepEqual(verdicts(shown), { theirs, ours });
  });
}

test('where OpenSSL refuses, so do we', () => {
  assert.ok(cases.every(([, theirs, ours]) => theirs === 'accept' || ours !== 'accept'));
});

// chains whose numbers, dates, keys and orders are drawn, each alone right or nearly so
const pairs = Object.fromEntries(
  keyTypes.map((type) => [
    type,
    { root: newKeyPair(type), issuing: newKeyPair(type), leaf: newKeyPair(type) },
  ]),
) as Record<KeyType, Record<'root' | 'issuing' | 'leaf', KeyPair>>;
const instants = [
  '2026-01-01T00:00:00Z',
  '2026-06-01T11:59:59Z',
  '2026-06-01T12:00:00Z',
  '2026-06-01T12:00:01Z',
  '2049-12-31T23:59:59Z',
  '2050-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
];
const mostly = <Value>(right: Value, ...others: Value[]) =>
  fc.oneof(
    { arbitrary: fc.constant(right), weight: 4 },
    { arbitrary: fc.constantFrom(...others), weight: 1 },
  );
const drawn = fc.record({
  root: fc.constantFrom(...keyTypes),
  issuing: fc.constantFrom(...keyTypes),
  leaf: fc.constantFrom(...keyTypes),
  rootPath: mostly<number | undefined>(undefined, 0, 1, 2),
  issuingPath: mostly<number | undefined>(0, undefined, 1),
  issuingUsage: mostly([5, 6], [5], [6], [0, 5]),
  leafUsage: mostly([0], [0, 2], [4]),
  rootNamesItself: fc.boolean(),
  issuingEnds: mostly('9999-12-31T23:59:59Z', ...instants),
  leafBegins: mostly('2026-01-01T00:00:00Z', ...instants),
  leafEnds: mostly('9999-12-31T23:59:59Z', ...instants),
  serial: fc.uint8Array({ minLength: 1, maxLength: 21 }),
  at: mostly('2026-06-01T12:00:00Z', ...instants),
  order: fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }),
});
type Drawn = typeof drawn extends fc.Arbitrary<infer Value> ? Value : never;

function drawnChain(values: Drawn) {
  const root = pairs[values.root].root;
  const issuing = pairs[values.issuing].issuing;
  const leaf = pairs[values.leaf].leaf;
  return buildChain((specs) => {
    Object.assign(specs.root, { spki: root.publicKey.spki, signer: root });
    specs.root.extensions[0] = ext.ca(values.rootPath);
    specs.root.extensions[2] = ext.subjectKey(root.publicKey);
    if (values.rootNamesItself) specs.root.extensions.push(ext.authorityKey(root.publicKey));
    Object.assign(specs.issuing, { spki: issuing.publicKey.spki, signer: root });
    specs.issuing.notAfter = derTime(values.issuingEnds);
    specs.issuing.extensions.splice(
      0,
      4,
      ext.ca(values.issuingPath),
      ext.keyUsage(values.issuingUsage),
      ext.subjectKey(issuing.publicKey),
      ext.authorityKey(root.publicKey),
    );
    Object.assign(specs.leaf, { spki: leaf.publicKey.spki, signer: issuing });
    specs.leaf.serial = derInteger(values.serial);
    specs.leaf.notBefore = derTime(values.leafBegins);
    specs.leaf.notAfter = derTime(values.leafEnds);
    specs.leaf.extensions[1] = ext.keyUsage(values.leafUsage);
    specs.leaf.extensions[3] = ext.authorityKey(issuing.publicKey);
    specs.leaf.extensions = values.order.map((place) => specs.leaf.extensions[place]!);
  });
}

function drawnVerdicts(values: Drawn) {
  const { root, chain } = drawnChain(values);
  const files = [...chain, root].map((der, place) => {
    writeFileSync(join(folder, `drawn-${place}.pem`), toPem('CERTIFICATE', der));
    return `drawn-${place}.pem`;
  });
  const { verdict } = judgeChain(() => ({ root, chain, at: values.at, realm: 'dev', purpose: 'device' }));
  return {
    ours: verdict,
    theirs: opensslVerdict(files.slice(0, 2), files[2]!, Date.parse(values.at) / 1000),
  };
}

test('of chains with drawn numbers, dates, keys and orders we accept none that OpenSSL refuses', () => {
  const seen = { accept: 0, refuse: 0 };
  fc.assert(
    fc.property(drawn, (values) => {
      // the last second: see below
      fc.pre(values.at !== values.leafEnds && values.at !== values.issuingEnds);
      const { ours, theirs } = drawnVerdicts(values);
      seen[ours]++;
      assert.ok(ours === 'refuse' || theirs === 'accept');
    }),
    { numRuns: 150, seed: 20_260_601 },
  );
  assert.ok(seen.accept > 20 && seen.refuse > 20, JSON.stringify(seen));
});

test('the last second of a validity belongs to it, as RFC 5280 section 4.1.2.5 says; for OpenSSL it is over', () => {
  const chain = buildChain(({ leaf }) => Object.assign(leaf, { notAfter: derTime('2026-06-01T12:00:00Z') }));
  const files = [...chain.chain, chain.root].map((der, place) => {
    writeFileSync(join(folder, `last-${place}.pem`), toPem('CERTIFICATE', der));
    return `last-${place}.pem`;
  });
  const at = Date.UTC(2026, 5, 1, 12);
  const ours = (time: number) =>
    judgeChain(() => ({ ...chain, at: new Date(time), realm: 'dev', purpose: 'device' })).verdict;
  const theirs = (time: number) => opensslVerdict(files.slice(0, 2), files[2]!, time / 1000);
  assert.deepEqual([ours(at - 1000), theirs(at - 1000)], ['accept', 'accept']);
  assert.deepEqual([ours(at), theirs(at)], ['accept', 'refuse']);
  assert.deepEqual([ours(at + 1000), theirs(at + 1000)], ['refuse', 'refuse']);
});
