/** The extensions of Imprint's certificates, each read in the one form and criticality that our profiles have. */

import { type CertificateScope, readScope } from './ca-scope.ts';
import { contextTag, type DerElement, type DerReader, derTag, parseText } from './der.ts';
import { oid } from './oid.ts';
import { refusal } from './refusal.ts';
import { isRevocationUrl } from './revocation-url.ts';

export type KeyUsage = (typeof keyUsageNames)[number];

export interface HardwareModule {
  /** RFC 4108 section 5: who numbers the hardware. */
  typeOid: string;
  serial: Uint8Array;
}

export interface SubjectAltName {
  hardwareModules: HardwareModule[];
  uris: string[];
  dnsNames: string[];
  /** IPv4 dotted; IPv6 as eight groups of hexadecimal digits without compression. */
  ipAddresses: string[];
}

export interface Extensions {
  basicConstraints?: { ca: boolean; pathLength?: number };
  keyUsage?: KeyUsage[];
  extendedKeyUsage?: string[];
  /** 20 bytes each. */
  subjectKeyIdentifier?: Uint8Array;
  authorityKeyIdentifier?: Uint8Array;
  policies?: string[];
  subjectAltName?: SubjectAltName;
  /** What a CA is bound to, and what a leaf repeats of it (ca-scope.ts). */
  scope?: CertificateScope;
  /** The URL of the one CRL that would list this certificate. */
  crlDistributionPoints?: string;
  /** The URL of the OCSP responder. */
  authorityInfoAccess?: string;
  /** This responder's own certificate is not asked about (RFC 6960 section 4.2.2.2.1). */
  ocspNoCheck?: true;
}

/** By bit number (RFC 5280 section 4.2.1.3). */
export const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

interface ExtensionRule {
  name: keyof Extensions;
  critical: boolean;
  read: (value: DerReader, extensions: Extensions) => void;
}

/** RFC 5280 section 4.2.1. SAN is not critical, since no subject of ours is empty. */
const rules: Record<string, ExtensionRule> = {
  [oid.basicConstraints]: { name: 'basicConstraints', critical: true, read: readBasicConstraints },
  [oid.keyUsage]: { name: 'keyUsage', critical: true, read: readKeyUsage },
  [oid.extendedKeyUsage]: { name: 'extendedKeyUsage', critical: false, read: readExtendedKeyUsage },
  [oid.subjectKeyIdentifier]: {
    name: 'subjectKeyIdentifier',
    critical: false,
    read: readSubjectKeyIdentifier,
  },
  [oid.authorityKeyIdentifier]: {
    name: 'authorityKeyIdentifier',
    critical: false,
    read: readAuthorityKeyIdentifier,
  },
  [oid.certificatePolicies]: { name: 'policies', critical: false, read: readPolicies },
  [oid.subjectAltName]: { name: 'subjectAltName', critical: false, read: readSubjectAltName },
  // not critical: TLS of others has to pass over it, and the strict verifier holds every chain against it
  [oid.scope]: {
    name: 'scope',
    critical: false,
    read: (value, extensions) => {
      extensions.scope = readScope(value);
    },
  },
  [oid.crlDistributionPoints]: {
    name: 'crlDistributionPoints',
    critical: false,
    read: readCrlDistributionPoints,
  },
  [oid.authorityInfoAccess]: {
    name: 'authorityInfoAccess',
    critical: false,
    read: readAuthorityInfoAccess,
  },
  [oid.ocspNoCheck]: { name: 'ocspNoCheck', critical: false, read: readOcspNoCheck },
};

/** Reads the content of a certificate's [3]: a SEQUENCE of extensions, in any order, none twice, none unknown. */
export function readExtensions(reader: DerReader): Extensions {
  const list = reader.enter();
  reader.end();
  const extensions: Extensions = {};
  while (!list.atEnd) {
    const extension = list.enter();
    const { offset } = extension;
    const id = extension.oid();
    const isWritten = extension.nextTag === derTag.boolean;
    const critical = isWritten && extension.boolean();
    const value = extension.element(derTag.octetString);
    extension.end();
    const rule = Object.hasOwn(rules, id) ? rules[id] : undefined;
    if (rule === undefined) throw refusal('extension_unknown', { extension: id, offset });
    if (extensions[rule.name] !== undefined)
      throw refusal('extension_repeated', { extension: rule.name, offset });
    if (critical !== rule.critical || isWritten !== critical) {
      throw refusal('extension_criticality_wrong', { extension: rule.name, offset });
    }
    const content = extension.inside(value);
    rule.read(content, extensions);
    content.end();
  }
  return extensions;
}

function readBasicConstraints(value: DerReader, extensions: Extensions): void {
  const fields = value.enter();
  if (fields.atEnd) {
    extensions.basicConstraints = { ca: false };
    return;
  }
  // DER omits a DEFAULT, so a cA that is written is TRUE
  if (!fields.boolean()) throw wrongValue('basicConstraints', fields);
  extensions.basicConstraints = { ca: true, ...(fields.atEnd ? {} : { pathLength: fields.smallInteger() }) };
  fields.end();
}

function readKeyUsage(value: DerReader, extensions: Extensions): void {
  extensions.keyUsage = value.namedBits().map((bit) => {
    const usage = keyUsageNames[bit];
    if (usage === undefined) throw wrongValue('keyUsage', value);
    return usage;
  });
  if (extensions.keyUsage.length === 0) throw wrongValue('keyUsage', value);
}

function readExtendedKeyUsage(value: DerReader, extensions: Extensions): void {
  const list = value.enter();
  extensions.extendedKeyUsage = [];
  while (!list.atEnd) extensions.extendedKeyUsage.push(list.oid());
  if (extensions.extendedKeyUsage.length === 0) throw wrongValue('extendedKeyUsage', value);
}

function readSubjectKeyIdentifier(value: DerReader, extensions: Extensions): void {
  extensions.subjectKeyIdentifier = value.octetString();
  if (extensions.subjectKeyIdentifier.length !== 20) throw wrongValue('subjectKeyIdentifier', value);
}

/** Only the keyIdentifier form: issuer and serial number would be a second way of naming the issuer. */
function readAuthorityKeyIdentifier(value: DerReader, extensions: Extensions): void {
  const fields = value.enter();
  extensions.authorityKeyIdentifier = fields.element(contextTag(0, false)).content;
  fields.end();
  if (extensions.authorityKeyIdentifier.length !== 20) throw wrongValue('authorityKeyIdentifier', value);
}

/** Without qualifiers. */
function readPolicies(value: DerReader, extensions: Extensions): void {
  const list = value.enter();
  extensions.policies = [];
  while (!list.atEnd) {
    const policy = list.enter();
    extensions.policies.push(policy.oid());
    policy.end();
  }
  if (new Set(extensions.policies).size !== extensions.policies.length || extensions.policies.length === 0) {
    throw wrongValue('policies', value);
  }
}

function readSubjectAltName(value: DerReader, extensions: Extensions): void {
  const names = value.enter();
  const result: SubjectAltName = { hardwareModules: [], uris: [], dnsNames: [], ipAddresses: [] };
  if (names.atEnd) throw wrongValue('subjectAltName', value);
  while (!names.atEnd) {
    const name = names.any();
    if (name.tag === contextTag(0, true)) result.hardwareModules.push(readHardwareModule(names.inside(name)));
    else if (name.tag === contextTag(6, false))
      result.uris.push(matching(name, /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/));
    else if (name.tag === contextTag(2, false))
      result.dnsNames.push(matching(name, /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/));
    else if (name.tag === contextTag(7, false)) result.ipAddresses.push(ipText(name));
    else
      throw refusal('extension_unknown', { extension: 'subjectAltName', offset: name.offset, tag: name.tag });
  }
  extensions.subjectAltName = result;
}

/** One distribution point with one full name, for all reasons, of the CA itself. */
function readCrlDistributionPoints(value: DerReader, extensions: Extensions): void {
  const points = value.enter();
  const point = points.enter();
  points.end();
  const name = point.enter(contextTag(0, true));
  point.end();
  const fullName = name.enter(contextTag(0, true));
  name.end();
  extensions.crlDistributionPoints = readUrl(fullName, 'crlDistributionPoints');
}

/** One access description, of OCSP. */
function readAuthorityInfoAccess(value: DerReader, extensions: Extensions): void {
  const descriptions = value.enter();
  const description = descriptions.enter();
  descriptions.end();
  if (description.oid() !== oid.ocspAccess) throw wrongValue('authorityInfoAccess', description);
  extensions.authorityInfoAccess = readUrl(description, 'authorityInfoAccess');
}

/** The uniformResourceIdentifier with which `names` ends. */
function readUrl(names: DerReader, extension: keyof Extensions): string {
  const name = names.element(contextTag(6, false));
  names.end();
  const url = parseText(name);
  if (!isRevocationUrl(url)) throw refusal('extension_value_wrong', { extension, offset: name.offset });
  return url;
}

function readOcspNoCheck(value: DerReader, extensions: Extensions): void {
  value.null();
  extensions.ocspNoCheck = true;
}

/** OtherName { id-on-hardwareModuleName, [0] SEQUENCE { hwType OID, hwSerialNum OCTET STRING } } */
function readHardwareModule(otherName: DerReader): HardwareModule {
  if (otherName.oid() !== oid.hardwareModuleName) {
    throw refusal('extension_unknown', { extension: 'subjectAltName', offset: otherName.offset });
  }
  const wrapped = otherName.enter(contextTag(0, true));
  const fields = wrapped.enter();
  const module = { typeOid: fields.oid(), serial: fields.octetString() };
  fields.end();
  wrapped.end();
  otherName.end();
  return module;
}

function matching(name: DerElement, pattern: RegExp): string {
  const text = parseText(name);
  if (!pattern.test(text))
    throw refusal('extension_value_wrong', { extension: 'subjectAltName', offset: name.offset });
  return text;
}

function ipText(name: DerElement): string {
  const { content } = name;
  if (content.length === 4) return content.join('.');
  if (content.length !== 16) {
    throw refusal('extension_value_wrong', { extension: 'subjectAltName', offset: name.offset });
  }
  return Array.from({ length: 8 }, (_, at) =>
    ((content[2 * at]! << 8) | content[2 * at + 1]!).toString(16),
  ).join(':');
}

function wrongValue(extension: keyof Extensions, at: DerReader) {
  return refusal('extension_value_wrong', { extension, offset: at.offset });
}
