/**
 * Reads OCSP requests (RFC 6960 section 4.1, RFC 9654) of anybody, under a cap of bytes and of certificates. It trusts nothing in them: a
 * signature and a name are passed over, since answers are public, and what is critical and unknown is refused.
 */
import { toHex } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { sha256 } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import type { Certificate } from '@imprint/contract/x509/certificate';
import { contextTag, DerReader, derTag } from '@imprint/contract/x509/der';
import { derInteger, derOctetString, derOid, derSequence } from '@imprint/contract/x509/der-writer';
import { oid } from '@imprint/contract/x509/oid';

export type CertIdHash = 'sha1' | 'sha256';

/** One certificate that is asked about. */
export interface CertId {
  /** The whole CertID, DER: the answer repeats it. */
  der: Uint8Array;
  /** Undefined for a hash that is not taken: nobody's certificate then. */
  hash: CertIdHash | undefined;
  /** Lower-case hex. */
  issuerNameHash: string;
  issuerKeyHash: string;
  /** Content octets without a sign octet, lower-case hex; of a negative number all of them, which is nobody's. */
  serial: string;
}

export interface OcspRequest {
  certificates: CertId[];
  /** 1 to 128 octets, which the answer repeats. */
  nonce?: Uint8Array;
}

const hashes: Record<string, CertIdHash> = { '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256' };
const mostNonceBytes = 128;

/** @throws bad_request for whatever is answered with `malformedRequest` */
export function readOcspRequest(der: Uint8Array): OcspRequest {
  try {
    return readRequest(DerReader.over(der, limits.ocspRequestBytes));
  } catch (error) {
    if (isImprintError(error, 'der_invalid')) throw malformed(error.message, error);
    throw error;
  }
}

function readRequest(file: DerReader): OcspRequest {
  const outer = file.enter();
  file.end();
  const tbs = outer.enter();
  outer.optional(contextTag(0, true));
  outer.end();
  // DER leaves out a version that is the default, and there is no other; many clients write it all the same
  const version = tbs.optional(contextTag(0, true));
  if (version !== undefined) {
    const inside = tbs.inside(version);
    if (inside.smallInteger() !== 0) throw malformed('Its version is not 1.');
    inside.end();
  }
  tbs.optional(contextTag(1, true));
  const list = tbs.enter();
  const certificates: CertId[] = [];
  while (!list.atEnd) {
    if (certificates.length === limits.ocspCertificates) {
      throw malformed(`It asks about more than ${limits.ocspCertificates} certificates.`);
    }
    const request = list.enter();
    certificates.push(readCertId(request));
    const extensions = request.optional(contextTag(0, true));
    if (extensions !== undefined) readExtensions(request.inside(extensions));
    request.end();
  }
  if (certificates.length === 0) throw malformed('It asks about nothing.');
  const extensions = tbs.optional(contextTag(2, true));
  tbs.end();
  const nonce = extensions === undefined ? undefined : readExtensions(tbs.inside(extensions));
  return { certificates, ...(nonce === undefined ? {} : { nonce }) };
}

function readCertId(request: DerReader): CertId {
  const element = request.element(derTag.sequence);
  const fields = request.inside(element);
  const algorithm = fields.enter();
  const hash = algorithm.oid();
  // both forms are met: with NULL and with nothing (RFC 4055 section 2.1)
  if (!algorithm.atEnd) algorithm.null();
  algorithm.end();
  const issuerNameHash = toHex(fields.octetString());
  const issuerKeyHash = toHex(fields.octetString());
  const serial = fields.integer();
  fields.end();
  return {
    der: Uint8Array.from(element.bytes),
    hash: Object.hasOwn(hashes, hash) ? hashes[hash] : undefined,
    issuerNameHash,
    issuerKeyHash,
    serial: toHex(serial.length > 1 && serial[0] === 0 ? serial.subarray(1) : serial),
  };
}

/** The nonce among them, if there is one. */
function readExtensions(wrapped: DerReader): Uint8Array | undefined {
  const list = wrapped.enter();
  wrapped.end();
  let nonce: Uint8Array | undefined;
  while (!list.atEnd) {
    const extension = list.enter();
    const id = extension.oid();
    const isCritical = extension.nextTag === derTag.boolean && extension.boolean();
    const value = extension.element(derTag.octetString);
    extension.end();
    if (id === oid.ocspNonce) {
      if (nonce !== undefined) throw malformed('It has two nonces.');
      const inside = extension.inside(value);
      nonce = Uint8Array.from(inside.octetString());
      inside.end();
      if (nonce.length < 1 || nonce.length > mostNonceBytes) {
        throw malformed(`Its nonce has ${nonce.length} octets, not 1 to ${mostNonceBytes}.`);
      }
    } else if (isCritical) {
      throw malformed(`It has a critical extension ${id} that is not known here.`);
    }
  }
  return nonce;
}

function malformed(what: string, cause?: unknown): ImprintError {
  return new ImprintError('bad_request', `This is no OCSP request that is answered here. ${what}`, {
    hint: '`openssl ocsp -reqin FILE -text` shows it.',
    ...(cause === undefined ? {} : { cause }),
  });
}

const sha256Algorithm = derSequence(derOid('2.16.840.1.101.3.4.2.1'));

/** A request (DER) about one certificate by its issuer and the content octets of its serial, with SHA-256 and without a nonce, as RFC 9919 has it. */
export function ocspRequestOf(
  { subject, publicKey }: Pick<Certificate, 'subject' | 'publicKey'>,
  serial: Uint8Array,
): Uint8Array {
  const certId = derSequence(
    sha256Algorithm,
    derOctetString(sha256(subject.der)),
    derOctetString(sha256(publicKey.raw)),
    derInteger(serial),
  );
  return derSequence(derSequence(derSequence(derSequence(certId))));
}
