/**
 * Writes a CRL (RFC 5280 section 5) from what the registry says, byte for byte the same for the same input. A list of tens of
 * thousands takes milliseconds, since an entry is written in place and never as elements of its own.
 */
import { ImprintError } from '@imprint/contract/errors';
import { derTag } from '@imprint/contract/x509/der';
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derImplicit,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derTime,
  ia5Octets,
} from '@imprint/contract/x509/der-writer';
import { oid } from '@imprint/contract/x509/oid';
import type { KeyType } from '@imprint/contract/x509/public-key';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import type { RevocationReason } from './revocation-reason.ts';
import { crlReasonOf } from './revocation-reason.ts';

export interface RevokedSerial {
  /** Content octets of the INTEGER without a sign octet, lower-case hex. */
  serial: string;
  /** ISO 8601 in UTC. */
  revoked_at: string;
  reason: RevocationReason;
}

export interface CrlTerms {
  /** The type of the key that signs, the CA's name (DER) and its subject key identifier. */
  signerKeyType: KeyType;
  issuer: Uint8Array;
  keyIdentifier: Uint8Array;
  /** Strictly greater than that of every earlier CRL of this scope. */
  number: number;
  /** ISO 8601 in UTC; fractions of a second are dropped. */
  thisUpdate: string;
  nextUpdate: string;
  /** The URL that the certificates of this partition name; absent on a CA's one list, which is complete. */
  distributionPoint?: string | undefined;
}

const version2 = derInteger(1);
const type = {
  crlNumber: derOid(oid.crlNumber),
  issuingDistributionPoint: derOid(oid.issuingDistributionPoint),
  authorityKeyIdentifier: derOid(oid.authorityKeyIdentifier),
} as const;

/**
 * The TBSCertList: version 2, authorityKeyIdentifier and cRLNumber; of a partition also issuingDistributionPoint, critical, for
 * user certificates only. No list at all where nothing is revoked (section 5.1.2.6), and no reason code where it is `unspecified`.
 * @throws internal for a serial that is not positive or longer than 20 octets
 */
export function encodeCrlTbs(terms: CrlTerms, revoked: readonly RevokedSerial[]): Uint8Array {
  const extensions = [
    derSequence(
      type.authorityKeyIdentifier,
      derOctetString(derSequence(derImplicit(0, terms.keyIdentifier))),
    ),
    derSequence(type.crlNumber, derOctetString(derInteger(terms.number))),
  ];
  if (terms.distributionPoint !== undefined) {
    const value = derSequence(
      derExplicit(0, derExplicit(0, derImplicit(6, ia5Octets(terms.distributionPoint)))),
      derImplicit(1, derBoolean(true).subarray(2)),
    );
    extensions.push(derSequence(type.issuingDistributionPoint, derBoolean(true), derOctetString(value)));
  }
  return derSequence(
    version2,
    signatureAlgorithm[terms.signerKeyType],
    terms.issuer,
    derTime(terms.thisUpdate),
    derTime(terms.nextUpdate),
    ...(revoked.length === 0 ? [] : [derElement(derTag.sequence, encodeRevoked(revoked))]),
    derExplicit(0, derSequence(...extensions)),
  );
}

/** The CertificateList of a TBS and its signature. */
export function encodeCrl(tbs: Uint8Array, signer: KeyType, signature: Uint8Array): Uint8Array {
  return derSequence(tbs, signatureAlgorithm[signer], derBitString(signature));
}

/** Header and 21 octets of serial, 17 of time, 14 of reason, and the entry's own header. */
const mostEntryBytes = 2 + 23 + 17 + 14;
/** crlEntryExtensions with nothing but reasonCode (`oid.reasonCode`), as far as its value. */
const reasonHead = Buffer.from('300c300a0603551d1504030a01', 'hex');

function encodeRevoked(revoked: readonly RevokedSerial[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(revoked.length * mostEntryBytes);
  let at = 0;
  for (const { serial, revoked_at, reason } of revoked) {
    const begin = at;
    bytes[at] = derTag.sequence;
    at = writeSerial(bytes, begin + 2, serial);
    at = writeTime(bytes, at, revoked_at);
    const code = crlReasonOf(reason);
    if (code !== 0) {
      at += reasonHead.copy(bytes, at);
      bytes[at++] = code;
    }
    bytes[begin + 1] = at - begin - 2;
  }
  return bytes.subarray(0, at);
}

function writeSerial(bytes: Buffer, at: number, hex: string): number {
  let begin = 0;
  while (hex.startsWith('00', begin)) begin += 2;
  const length = (hex.length - begin) / 2;
  const sign = Number.parseInt(hex.slice(begin, begin + 2), 16) >= 0x80 ? 1 : 0;
  if (length < 1 || length > 20 || bytes.write(hex.slice(begin), at + 2 + sign, 'hex') !== length) {
    throw new ImprintError('internal', `"${hex.slice(0, 48)}" is no serial number.`);
  }
  bytes[at] = derTag.integer;
  bytes[at + 1] = length + sign;
  if (sign === 1) bytes[at + 2] = 0;
  return at + 2 + sign + length;
}

/** As `derTime`, from the one form in which the registry has its times. */
function writeTime(bytes: Buffer, at: number, iso: string): number {
  const isLate = iso >= '2050';
  const digits = `${iso.slice(isLate ? 0 : 2, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`;
  bytes[at] = isLate ? derTag.generalizedTime : derTag.utcTime;
  bytes[at + 1] = digits.length;
  bytes.write(digits, at + 2, 'latin1');
  return at + 2 + digits.length;
}
