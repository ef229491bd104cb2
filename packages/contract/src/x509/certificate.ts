/**
 * Reads certificates of Imprint's own profiles and nothing else: an unknown extension, critical or not, an unknown
 * algorithm or a second spelling is refused. It checks form; whom to trust is decided in verify-chain.ts.
 */

import { equalBytes, toHex } from '../bytes.ts';
import { isImprintError } from '../errors.ts';
import { sha256Hex } from '../hash.ts';
import { limits } from '../limits.ts';
import { contextTag, DerReader, derTag } from './der.ts';
import { type Extensions, readExtensions } from './extensions.ts';
import { type Name, readName } from './name.ts';
import { type KeyType, keyTypes, type PublicKey, parsePublicKey } from './public-key.ts';
import { refusal } from './refusal.ts';
import { signatureAlgorithm } from './signature.ts';

export interface Certificate {
  der: Uint8Array;
  /** SHA-256 over `der`, lower-case hex: what entries and statements call the certificate. */
  sha256: string;
  /** The signed bytes (TBSCertificate, DER). */
  tbs: Uint8Array;
  /** Content octets of the INTEGER without a sign octet, lower-case hex. */
  serialHex: string;
  issuer: Name;
  subject: Name;
  /** ISO 8601 with milliseconds; the last second is included. */
  notBefore: string;
  notAfter: string;
  publicKey: PublicKey;
  extensions: Extensions;
  /** The type of key whose signature algorithm this certificate bears. */
  signedWith: KeyType;
  signature: Uint8Array;
}

/**
 * The certificate that `der` holds, unverified: X.509 version 3 (RFC 5280 section 4.1) of our profiles. `certificate_refused`
 * with one of the reasons of refusal.ts. The bytes are copied first, so that later changes of the caller's buffer do nothing.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > limits.certificateBytes) {
    throw refusal('too_large', { bytes: der.length, cap: limits.certificateBytes });
  }
  try {
    return readCertificate(Uint8Array.from(der));
  } catch (error) {
    if (isImprintError(error, 'der_invalid')) throw refusal('malformed', error.context, error);
    if (isImprintError(error, 'key_unsupported')) throw refusal('key_unsupported', {}, error);
    throw error;
  }
}

function readCertificate(der: Uint8Array): Certificate {
  const file = DerReader.over(der, limits.certificateBytes);
  const outer = file.enter();
  file.end();
  const tbsElement = outer.element(derTag.sequence);
  const tbs = outer.inside(tbsElement);
  const outerAlgorithm = outer.element(derTag.sequence).bytes;
  const signature = outer.bitString();
  outer.end();

  readVersion(tbs);
  const serialHex = readSerial(tbs);
  const innerAlgorithm = tbs.element(derTag.sequence).bytes;
  const issuer = readName(tbs);
  const validity = tbs.enter();
  const notBefore = validity.time();
  const notAfter = validity.time();
  validity.end();
  if (notAfter < notBefore) throw refusal('validity_wrong', { notBefore, notAfter });
  const subject = readName(tbs);
  const publicKey = parsePublicKey(tbs.element(derTag.sequence).bytes);
  if (tbs.nextTag !== contextTag(3, true)) {
    throw tbs.atEnd ? refusal('extension_missing') : refusal('extension_unknown', { offset: tbs.offset });
  }
  const extensions = readExtensions(tbs.enter(contextTag(3, true)));
  tbs.end();

  const signedWith = keyTypes.find((type) => equalBytes(signatureAlgorithm[type], outerAlgorithm));
  if (signedWith === undefined) throw refusal('signature_algorithm_unknown');
  // RFC 5280 section 4.1.1.2: the unsigned copy outside must be the signed one inside
  if (!equalBytes(innerAlgorithm, outerAlgorithm)) throw refusal('signature_algorithm_mismatch');
  return {
    der,
    sha256: sha256Hex(der),
    tbs: tbsElement.bytes,
    serialHex,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    extensions,
    signedWith,
    signature,
  };
}

function readVersion(tbs: DerReader): void {
  if (tbs.nextTag !== contextTag(0, true)) throw refusal('version_wrong');
  const version = tbs.enter(contextTag(0, true));
  if (version.smallInteger() !== 2) throw refusal('version_wrong');
  version.end();
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets. */
function readSerial(tbs: DerReader): string {
  const octets = tbs.integer();
  if (octets[0]! >= 0x80 || octets.length > 20 || octets.every((octet) => octet === 0)) {
    throw refusal('serial_wrong', { octets: octets.length });
  }
  return toHex(octets[0] === 0 ? octets.subarray(1) : octets);
}
