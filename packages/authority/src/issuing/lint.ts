/**
 * The last look at the exact bytes before a CA signs them. It does not trust the code that built them: it reads them
 * back with the contract's strict parser and compares every field with what registry and contract say.
 */
import { equalBytes, toHex, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { branchOfCa, branchOfPurpose } from '@imprint/contract/x509/ca-branch';
import { checkScope, scopeHolds } from '@imprint/contract/x509/ca-scope';
import { type Certificate, parseCertificate } from '@imprint/contract/x509/certificate';
import type { Extensions, HardwareModule } from '@imprint/contract/x509/extensions';
import { checkLeaf, type LeafPurpose } from '@imprint/contract/x509/leaf';
import type { Name } from '@imprint/contract/x509/name';
import { oid } from '@imprint/contract/x509/oid';
import type { KeyType } from '@imprint/contract/x509/public-key';
import { deviceUri, operationalPolicyOid, realmPolicyOid, stationUri } from '@imprint/contract/x509/realm';
import { crlUrl, ocspUrl, partitionOf } from './crl-partition.ts';
import { hostName } from './host-name.ts';
import type { Issuer } from './issuer.ts';
import type { DeviceFacts, DeviceProfile } from './profile.ts';
import type { ResponderProfile } from './responder-profile.ts';
import type { DeviceServerProfile } from './server-profile.ts';
import type { StationFacts, StationProfile } from './station-profile.ts';
import { encodeCertificate } from './tbs.ts';

/** What a certificate must say; everything that is not named here must not be in it. */
export interface Expectation {
  purpose: LeafPurpose;
  issuer: Issuer;
  serial: Uint8Array;
  now: Date;
  skewMs: number;
  /** `forever`, or days after notBefore. */
  validity: 'forever' | { days: number };
  subject: Name['attributes'];
  spki: Uint8Array;
  /** Undefined where any type will do. */
  keyType: KeyType | undefined;
  /** Undefined for a responder, which has no name beside its subject, and for a server, which has hosts. */
  uri: string | undefined;
  /** The names and addresses of a server; absent for whatever is none. */
  hosts?: readonly string[];
  hardwareModule: { typeOid: string; serial: Uint8Array } | undefined;
  /** Of what is certified; what its issuer is bound to must be these. Null where there is none, as a station has no product. */
  product: string | null;
  site: string | null;
  /** Undefined where it does not say where revocation is told. */
  revocation: { crl: string; ocsp: string } | undefined;
}

const second = 1000;
const dayMs = 86_400_000;
/** One octet of sign and marker, and 64 bits (I-4). */
const leastSerialBytes = 9;
/** In each leaf, whatever it is for. */
const leafExtensions: (keyof Extensions)[] = [
  'authorityKeyIdentifier',
  'basicConstraints',
  'extendedKeyUsage',
  'keyUsage',
  'policies',
];
const noSignature = new Uint8Array(0);
/** The authority's server certificate for stations is made with the realm, and passes no lint. */
const usageOf: Record<LeafPurpose, string | undefined> = {
  device: oid.clientAuth,
  operational: oid.clientAuth,
  station: oid.clientAuth,
  server: undefined,
  'device-server': oid.serverAuth,
  responder: oid.ocspSigning,
};

export function expectDevice(
  issuer: Issuer,
  profile: DeviceProfile,
  facts: DeviceFacts,
  serial: Uint8Array,
  now: Date,
): Expectation {
  const { terms } = profile;
  return {
    purpose: terms.profile === 'ldevid' ? 'operational' : 'device',
    issuer,
    serial,
    now,
    skewMs: terms.skew_minutes * 60_000,
    validity: terms.validity,
    subject: [
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: facts.deviceId },
      { type: 'serialNumber', value: facts.deviceId },
    ],
    spki: facts.spki,
    keyType: terms.key_type,
    uri: deviceUri(terms.realm, facts.deviceId),
    hardwareModule: { typeOid: terms.hardware_type_oid, serial: toUtf8(facts.hardwareUid) },
    product: facts.product,
    site: facts.site,
    revocation: terms.revocation && {
      crl: crlUrl(
        terms.revocation.public_url,
        issuer.keyIdentifier,
        partitionOf(toHex(serial), terms.revocation.crl_partitions),
      ),
      ocsp: ocspUrl(terms.revocation.public_url),
    },
  };
}

export function expectStation(
  issuer: Issuer,
  profile: StationProfile,
  facts: StationFacts,
  serial: Uint8Array,
  now: Date,
): Expectation {
  const { terms } = profile;
  return {
    purpose: 'station',
    issuer,
    serial,
    now,
    skewMs: terms.skew_minutes * 60_000,
    validity: { days: terms.days },
    subject: [
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: facts.stationId },
    ],
    spki: facts.spki,
    keyType: undefined,
    uri: stationUri(terms.realm, facts.stationId),
    hardwareModule: undefined,
    product: null,
    site: facts.site,
    revocation: undefined,
  };
}

export function expectResponder(
  issuer: Issuer,
  { terms }: ResponderProfile,
  spki: Uint8Array,
  serial: Uint8Array,
  now: Date,
): Expectation {
  return {
    purpose: 'responder',
    issuer,
    serial,
    now,
    skewMs: terms.skew_minutes * 60_000,
    validity: { days: terms.days },
    subject: [
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: `imprint ocsp ${terms.realm}` },
    ],
    spki,
    keyType: 'ec-p256',
    uri: undefined,
    hardwareModule: undefined,
    product: null,
    site: null,
    revocation: undefined,
  };
}

export function expectDeviceServer(
  issuer: Issuer,
  { terms }: DeviceServerProfile,
  spki: Uint8Array,
  serial: Uint8Array,
  now: Date,
): Expectation {
  return {
    purpose: 'device-server',
    issuer,
    serial,
    now,
    skewMs: terms.skew_minutes * 60_000,
    validity: { days: terms.days },
    subject: [
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: `imprint devices ${terms.realm}` },
    ],
    spki,
    keyType: 'ec-p256',
    uri: undefined,
    hosts: terms.hosts,
    hardwareModule: undefined,
    // it serves all devices, whatever its issuer is bound to
    product: issuer.scope.product,
    site: issuer.scope.site,
    revocation: undefined,
  };
}

/**
 * The certificate that the TBS would become, where all of it is as expected.
 * @throws lint_refused with `context.rule`, the first rule that it breaks
 */
export function lintTbs(tbs: Uint8Array, expected: Expectation): Certificate {
  const certificate = read(tbs, expected);
  rule('tbs-is-one-encoding', equalBytes(certificate.tbs, tbs));
  lintSerial(certificate, expected);
  lintIssuer(certificate, expected);
  lintValidity(certificate, expected);
  rule('subject', sameAttributes(certificate.subject.attributes, expected.subject));
  rule('public-key', equalBytes(certificate.publicKey.spki, expected.spki));
  rule('key-type', (expected.keyType ?? certificate.publicKey.type) === certificate.publicKey.type);
  lintExtensions(certificate.extensions, expected);
  lintScope(certificate, expected);
  return certificate;
}

/**
 * The contract's parser reads certificates, so the TBS gets an empty signature, which is not looked at, and the issuer's
 * algorithm, which must be the one that the TBS names.
 */
function read(tbs: Uint8Array, expected: Expectation): Certificate {
  try {
    const certificate = parseCertificate(
      encodeCertificate(tbs, expected.issuer.certificate.publicKey.type, noSignature),
    );
    checkLeaf(certificate, expected.purpose, expected.issuer.realm);
    return certificate;
  } catch (cause) {
    throw refused('contract-parser', cause);
  }
}

function lintSerial(certificate: Certificate, { serial }: Expectation): void {
  rule('serial', certificate.serialHex === toHex(serial));
  rule('serial-length', serial.length >= leastSerialBytes && serial.length <= 20);
}

function lintIssuer(certificate: Certificate, { issuer, spki, purpose }: Expectation): void {
  rule('issuer-branch', branchOfCa(issuer.certificate.subject) === branchOfPurpose[purpose]);
  rule('issuer-name', equalBytes(certificate.issuer.der, issuer.certificate.subject.der));
  // a leaf with its CA's key could sign for that CA
  rule('key-not-issuers', !equalBytes(spki, issuer.certificate.publicKey.spki));
}

/** I-8. A certificate has whole seconds, so the window begins at the second that holds its beginning. */
function lintValidity(certificate: Certificate, expected: Expectation): void {
  const { issuer, now, skewMs, validity } = expected;
  const begin = Date.parse(certificate.notBefore);
  const end = Date.parse(certificate.notAfter);
  rule('not-before-in-future', begin <= now.getTime());
  rule('not-before-within-skew', begin > now.getTime() - skewMs - second);
  rule('not-before-issuers', begin >= Date.parse(issuer.certificate.notBefore));
  rule('not-after-issuers', end <= Date.parse(issuer.certificate.notAfter));
  const wanted = validity === 'forever' ? Date.UTC(9999, 11, 31, 23, 59, 59) : begin + validity.days * dayMs;
  rule('not-after', end === wanted);
}

/** Some of this the contract's leaf check has seen; it stands here too, so that a change there loosens nothing here. */
function lintExtensions(found: Extensions, expected: Expectation): void {
  const { issuer, purpose, uri, revocation } = expected;
  rule('extensions', Object.keys(found).sort().join() === extensionsOf(expected).sort().join());
  rule('not-a-ca', found.basicConstraints?.ca === false);
  rule('key-usage', found.keyUsage?.join() === 'digitalSignature');
  const usage = usageOf[purpose];
  rule('extended-key-usage', usage !== undefined && found.extendedKeyUsage?.join() === usage);
  rule('authority-key', equalBytes(found.authorityKeyIdentifier!, issuer.keyIdentifier));
  const policies = [
    realmPolicyOid(issuer.realm),
    ...(purpose === 'operational' ? [operationalPolicyOid] : []),
  ];
  rule('policies', found.policies?.join() === policies.join());
  rule('crl-of-its-partition', found.crlDistributionPoints === revocation?.crl);
  rule('ocsp', found.authorityInfoAccess === revocation?.ocsp);
  const names = found.subjectAltName;
  rule('names', (names === undefined) === (purpose === 'responder'));
  if (names === undefined) return;
  rule('uri', names.uris.join() === (uri ?? ''));
  rule('host-names', sameHosts([...names.dnsNames, ...names.ipAddresses], expected.hosts ?? []));
  rule('hardware-module', sameModule(names.hardwareModules, expected.hardwareModule));
}

/** I-9: what is certified is what its issuer may certify, this year, and the certificate says so. A responder answers for all of it, and in later years. */
function lintScope(certificate: Certificate, { purpose, issuer, now, product, site }: Expectation): void {
  if (purpose === 'responder') return;
  rule('issuer-scope', scopeHolds(issuer.scope, { product, site, year: now.getUTCFullYear() }));
  try {
    checkScope(certificate, [issuer.certificate]);
  } catch (cause) {
    throw refused('scope', cause);
  }
}

function extensionsOf({ purpose, issuer, revocation }: Expectation): string[] {
  const { product, site } = issuer.scope;
  const isBound = purpose !== 'responder' && (product !== null || site !== null);
  return [
    ...leafExtensions,
    ...(purpose === 'responder' ? ['ocspNoCheck'] : ['subjectAltName']),
    ...(isBound ? ['scope'] : []),
    ...(revocation === undefined ? [] : ['authorityInfoAccess', 'crlDistributionPoints']),
  ];
}

/** As they are encoded: an address has several spellings. */
function sameHosts(found: readonly string[], expected: readonly string[]): boolean {
  const octets = (hosts: readonly string[]) => hosts.map((host) => toHex(hostName(host))).sort();
  return octets(found).join() === octets(expected).join();
}

function sameModule(found: HardwareModule[], expected: Expectation['hardwareModule']): boolean {
  if (expected === undefined) return found.length === 0;
  const [module] = found;
  return (
    found.length === 1 && module!.typeOid === expected.typeOid && equalBytes(module!.serial, expected.serial)
  );
}

function sameAttributes(found: Name['attributes'], expected: Name['attributes']): boolean {
  return (
    found.length === expected.length &&
    found.every(({ type, value }, at) => type === expected[at]!.type && value === expected[at]!.value)
  );
}

function rule(name: string, holds: boolean): void {
  if (!holds) throw refused(name);
}

function refused(name: string, cause?: unknown): ImprintError {
  return new ImprintError(
    'lint_refused',
    `The certificate that was about to be signed breaks the rule ${name}.`,
    {
      hint: 'Nothing was signed. Keep this message: it is a fault of the authority or of its configuration.',
      context: { rule: name, ...(cause instanceof ImprintError ? cause.context : {}) },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
