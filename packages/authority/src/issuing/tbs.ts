/**
 * Writes a TBSCertificate (RFC 5280 section 4.1) and the extensions that Imprint uses, byte for byte the same
 * for the same input. What may be written is decided elsewhere: by profiles, and once more by the lint.
 */
import { type CertificateScope, encodeScope } from '@imprint/contract/x509/ca-scope';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derImplicit,
  derInteger,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derTime,
  ia5Octets,
} from '@imprint/contract/x509/der-writer';
import { oid } from '@imprint/contract/x509/oid';
import type { KeyType } from '@imprint/contract/x509/public-key';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';

export interface TbsParts {
  /** Content octets of the serial number. */
  serial: Uint8Array;
  /** The type of the key that will sign. */
  signerKeyType: KeyType;
  /** Names, DER. */
  issuer: Uint8Array;
  subject: Uint8Array;
  /** ISO 8601, UTC, whole seconds. */
  notBefore: string;
  notAfter: string;
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array;
  /** Extensions, DER, in the order in which they are written. */
  extensions: readonly Uint8Array[];
}

const version3 = derExplicit(0, derInteger(2));

export function encodeTbs(parts: TbsParts): Uint8Array {
  return derSequence(
    version3,
    derInteger(parts.serial),
    signatureAlgorithm[parts.signerKeyType],
    parts.issuer,
    derSequence(derTime(parts.notBefore), derTime(parts.notAfter)),
    parts.subject,
    parts.spki,
    derExplicit(3, derSequence(...parts.extensions)),
  );
}

/** The certificate of a TBS and its signature. */
export function encodeCertificate(tbs: Uint8Array, signer: KeyType, signature: Uint8Array): Uint8Array {
  return derSequence(tbs, signatureAlgorithm[signer], derBitString(signature));
}

const type = {
  subjectKeyIdentifier: derOid(oid.subjectKeyIdentifier),
  keyUsage: derOid(oid.keyUsage),
  subjectAltName: derOid(oid.subjectAltName),
  basicConstraints: derOid(oid.basicConstraints),
  certificatePolicies: derOid(oid.certificatePolicies),
  authorityKeyIdentifier: derOid(oid.authorityKeyIdentifier),
  extendedKeyUsage: derOid(oid.extendedKeyUsage),
  hardwareModuleName: derOid(oid.hardwareModuleName),
  scope: derOid(oid.scope),
  crlDistributionPoints: derOid(oid.crlDistributionPoints),
  authorityInfoAccess: derOid(oid.authorityInfoAccess),
  ocspAccess: derOid(oid.ocspAccess),
} as const;

const purposeOid = {
  serverAuth: derOid(oid.serverAuth),
  clientAuth: derOid(oid.clientAuth),
  ocspSigning: derOid(oid.ocspSigning),
} as const;
export type Purpose = keyof typeof purposeOid;

function extension(id: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  return critical
    ? derSequence(id, derBoolean(true), derOctetString(value))
    : derSequence(id, derOctetString(value));
}

/** CA:FALSE, critical. */
export const notCaExtension: Uint8Array = extension(type.basicConstraints, true, derSequence());

/** CA:TRUE, critical, with a path length. */
export function caExtension(pathLength: number): Uint8Array {
  return extension(type.basicConstraints, true, derSequence(derBoolean(true), derInteger(pathLength)));
}

/** digitalSignature, critical. */
export const signingUsage: Uint8Array = extension(type.keyUsage, true, derNamedBits(0));
/** keyCertSign and cRLSign, critical. */
export const caUsage: Uint8Array = extension(type.keyUsage, true, derNamedBits(5, 6));

export function purposeExtension(purpose: Purpose): Uint8Array {
  return extension(type.extendedKeyUsage, false, derSequence(purposeOid[purpose]));
}

export function subjectKeyExtension(keyIdentifier: Uint8Array): Uint8Array {
  return extension(type.subjectKeyIdentifier, false, derOctetString(keyIdentifier));
}

export function authorityKeyExtension(keyIdentifier: Uint8Array): Uint8Array {
  return extension(type.authorityKeyIdentifier, false, derSequence(derImplicit(0, keyIdentifier)));
}

/** Policies without qualifiers, in this order. */
export function policyExtension(...policyOids: readonly string[]): Uint8Array {
  const policies = policyOids.map((policyOid) => derSequence(derOid(policyOid)));
  return extension(type.certificatePolicies, false, derSequence(...policies));
}

/** What a CA is bound to, or what a leaf repeats of it; none where that is nothing. */
export function scopeExtensions(scope: CertificateScope | undefined): Uint8Array[] {
  return scope === undefined ? [] : [extension(type.scope, false, encodeScope(scope))];
}

/** SubjectAltName of the general names given, not critical: every subject here has a name. */
export function alternativeNameExtension(...names: readonly Uint8Array[]): Uint8Array {
  return extension(type.subjectAltName, false, derSequence(...names));
}

/** The one CRL that would list the certificate: all reasons, signed by its issuer. */
export function crlExtension(url: string): Uint8Array {
  const fullName = derExplicit(0, derExplicit(0, uriName(url)));
  return extension(type.crlDistributionPoints, false, derSequence(derSequence(fullName)));
}

/** Where OCSP is asked. */
export function ocspExtension(url: string): Uint8Array {
  return extension(type.authorityInfoAccess, false, derSequence(derSequence(type.ocspAccess, uriName(url))));
}

/** id-pkix-ocsp-nocheck: nobody asks about the certificate that signs the answers. */
export const ocspNoCheckExtension: Uint8Array = extension(derOid(oid.ocspNoCheck), false, derNull);

export function uriName(uri: string): Uint8Array {
  return derImplicit(6, ia5Octets(uri));
}

export function dnsName(name: string): Uint8Array {
  return derImplicit(2, ia5Octets(name));
}

/** An iPAddress of 4 or 16 octets. */
export function addressName(octets: Uint8Array): Uint8Array {
  return derImplicit(7, octets);
}

/** otherName id-on-hardwareModuleName of RFC 4108 section 5; `hardwareType` is an object identifier, DER. */
export function hardwareModuleName(hardwareType: Uint8Array, serial: Uint8Array): Uint8Array {
  return derExplicit(
    0,
    type.hardwareModuleName,
    derExplicit(0, derSequence(hardwareType, derOctetString(serial))),
  );
}
