/**
 * What a PKCS #10 request says of its sender: names and a channel binding. Nothing of it is taken into a certificate (I-6); it is held
 * against what is known, so that a request that is meant for another device, or was made for another connection, is refused.
 */
import { fromUtf8 } from '../bytes.ts';
import { ImprintError, isImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { contextTag, DerReader, derTag } from '../x509/der.ts';
import { oid } from '../x509/oid.ts';

export interface RequestClaims {
  /** Values of serialNumber and commonName in the subject. */
  serialNumbers: string[];
  commonNames: string[];
  /** URIs of the subject alternative name that was asked for. */
  uris: string[];
  /** RFC 2985 section 5.4.1: for EST base64 of a channel binding (RFC 7030 section 3.5). Never to be logged. */
  challengePassword?: string;
}

const challengePassword = '1.2.840.113549.1.9.7';
const extensionRequest = '1.2.840.113549.1.9.14';
const uriTag = contextTag(6, false);

/**
 * The claims of a request (DER) whose structure and signature somebody else judges.
 * @throws csr_invalid for more than `limits.csrBytes`, or a structure in which they cannot be found; two challenge passwords
 */
export function readRequestClaims(der: Uint8Array): RequestClaims {
  try {
    return read(der);
  } catch (cause) {
    if (!isImprintError(cause, 'der_invalid', 'bad_request')) throw cause;
    throw new ImprintError('csr_invalid', `The certification request cannot be read: ${cause.message}`, {
      hint: '`openssl req -inform DER -text` shows what it holds.',
      context: cause.context,
      cause,
    });
  }
}

function read(der: Uint8Array): RequestClaims {
  const claims: RequestClaims = { serialNumbers: [], commonNames: [], uris: [] };
  const info = DerReader.over(der, limits.csrBytes).enter().enter();
  info.element(derTag.integer);
  const names = info.enter();
  while (!names.atEnd) {
    for (const entry of names.setOf()) {
      const pair = DerReader.over(entry.bytes, limits.csrBytes).enter();
      const type = pair.oid();
      if (type === oid.serialNumber) claims.serialNumbers.push(pair.text());
      if (type === oid.commonName) claims.commonNames.push(pair.text());
    }
  }
  info.element(derTag.sequence);
  const attributes = info.enter(contextTag(0, true));
  while (!attributes.atEnd) {
    const attribute = attributes.enter();
    const type = attribute.oid();
    const values = attribute.setOf();
    if (type === challengePassword) {
      if (values.length !== 1 || claims.challengePassword !== undefined) {
        throw new ImprintError('csr_invalid', 'The request has more than one challenge password.');
      }
      claims.challengePassword = DerReader.over(values[0]!.bytes, limits.csrBytes).text();
    }
    if (type !== extensionRequest) continue;
    for (const value of values) claims.uris.push(...urisOf(value.bytes));
  }
  return claims;
}

function urisOf(extensions: Uint8Array): string[] {
  const found: string[] = [];
  const list = DerReader.over(extensions, limits.csrBytes).enter();
  while (!list.atEnd) {
    const extension = list.enter();
    if (extension.oid() !== oid.subjectAltName) continue;
    extension.optional(derTag.boolean);
    const names = DerReader.over(extension.octetString(), limits.csrBytes).enter();
    while (!names.atEnd) {
      const name = names.any();
      if (name.tag === uriTag) found.push(fromUtf8(name.content));
    }
  }
  return found;
}
