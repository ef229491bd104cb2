/**
 * Writes a TBSCertificate (RFC 5280 section 4.1) and the extensions and names that Imprint uses, byte for byte the same
 * for the same input. What may be written is decided elsewhere: by profiles, and once more by the lint.
 */
import {
  derBitString,
  derBoolean,
  derExplicit,
  derImplicit,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSetOf,
  derTime,
  derUtf8String,
  ia5Octets,
} from '@imprint/contract/x509/der-writer';
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

const attributeType = {
  CN: derOid('2.5.4.3'),
  serialNumber: derOid('2.5.4.5'),
  O: derOid('2.5.4.10'),
  OU: derOid('2.5.4.11'),
} as const;

/** A Name of single-valued RDNs in the order given; serialNumber is a PrintableString (RFC 5280 appendix A.1), the others UTF8String. */
export function encodeName(attributes: readonly [keyof typeof attributeType, string][]): Uint8Array {
  return derSequence(
    ...attributes.map(([type, value]) =>
      derSetOf(
        derSequence(
          attributeType[type],
          type === 'serialNumber' ? derPrintableString(value) : derUtf8String(value),
        ),
      ),
    ),
  );
}

const oid = {
  subjectKeyIdentifier: derOid('2.5.29.14'),
  keyUsage: derOid('2.5.29.15'),
  subjectAltName: derOid('2.5.29.17'),
  basicConstraints: derOid('2.5.29.19'),
  certificatePolicies: derOid('2.5.29.32'),
  authorityKeyIdentifier: derOid('2.5.29.35'),
  extendedKeyUsage: derOid('2.5.29.37'),
  hardwareModuleName: derOid('1.3.6.1.5.5.7.8.4'),
} as const;

const purposeOid = {
  serverAuth: derOid('1.3.6.1.5.5.7.3.1'),
  clientAuth: derOid('1.3.6.1.5.5.7.3.2'),
} as const;
export type Purpose = keyof typeof purposeOid;

function extension(type: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  return critical
    ? derSequence(type, derBoolean(true), derOctetString(value))
    : derSequence(type, derOctetString(value));
}

/** CA:FALSE, critical. */
export const notCaExtension: Uint8Array = extension(oid.basicConstraints, true, derSequence());

/** CA:TRUE, critical, with a path length. */
export function caExtension(pathLength: number): Uint8Array {
  return extension(oid.basicConstraints, true, derSequence(derBoolean(true), derInteger(pathLength)));
}

/** digitalSignature, critical. */
export const signingUsage: Uint8Array = extension(oid.keyUsage, true, derNamedBits(0));
/** keyCertSign and cRLSign, critical. */
export const caUsage: Uint8Array = extension(oid.keyUsage, true, derNamedBits(5, 6));

export function purposeExtension(purpose: Purpose): Uint8Array {
  return extension(oid.extendedKeyUsage, false, derSequence(purposeOid[purpose]));
}

export function subjectKeyExtension(keyIdentifier: Uint8Array): Uint8Array {
  return extension(oid.subjectKeyIdentifier, false, derOctetString(keyIdentifier));
}

export function authorityKeyExtension(keyIdentifier: Uint8Array): Uint8Array {
  return extension(oid.authorityKeyIdentifier, false, derSequence(derImplicit(0, keyIdentifier)));
}

export function policyExtension(policyOid: string): Uint8Array {
  return extension(oid.certificatePolicies, false, derSequence(derSequence(derOid(policyOid))));
}

/** SubjectAltName of the general names given, not critical: every subject here has a name. */
export function alternativeNameExtension(...names: readonly Uint8Array[]): Uint8Array {
  return extension(oid.subjectAltName, false, derSequence(...names));
}

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
    oid.hardwareModuleName,
    derExplicit(0, derSequence(hardwareType, derOctetString(serial))),
  );
}
