/** Enrolment over EST (RFC 7030 section 4.2): a request goes out, and a certificate, a wish for patience or a refusal comes back. */

import { ImprintError } from '@imprint/contract/errors';
import { readBase64Body, writeBase64Body } from '@imprint/contract/est/base64-body';
import { readCertsOnly } from '@imprint/contract/est/certs-only';
import { essence, estMediaType } from '@imprint/contract/est/media-types';
import { limits } from '@imprint/contract/limits';
import type { Connection } from './authority-connection.ts';
import { refusalOf, retryAfterMs } from './refusal.ts';

export type Enrolled =
  /** DER, as the message holds them: in no order that says anything. */
  | { kind: 'issued'; certificates: Uint8Array[] }
  /** A person has to agree first. */
  | { kind: 'pending'; retryAfterMs: number };

const paths = {
  enroll: '/.well-known/est/simpleenroll',
  reenroll: '/.well-known/est/simplereenroll',
} as const;

/** The CAs that the authority has, DER (RFC 7030 section 4.1): none is trusted for it. @throws as {@link enroll} */
export async function caCertificates(connection: Connection): Promise<Uint8Array[]> {
  const answer = await connection.ask({ method: 'GET', path: '/.well-known/est/cacerts' });
  if (answer.status !== 200) throw refusalOf(answer);
  return readCertsOnly(readBase64Body(answer.body, longestMessage));
}

const longestMessage = limits.estCertificates * limits.certificateBytes + 256;

/**
 * @param request PKCS #10, DER
 * @throws what the authority refuses, under its code; unavailable; der_invalid where the answer is no certs-only message
 */
export async function enroll(
  connection: Connection,
  which: keyof typeof paths,
  request: Uint8Array,
): Promise<Enrolled> {
  const { status, headers, body } = await connection.ask({
    method: 'POST',
    path: paths[which],
    headers: { 'content-type': estMediaType.request },
    body: writeBase64Body(request),
  });
  if (status === 202) return { kind: 'pending', retryAfterMs: retryAfterMs(headers) };
  if (status !== 200) throw refusalOf({ status, headers, body });
  if (essence(headers['content-type']) !== essence(estMediaType.certificates)) {
    throw new ImprintError('der_invalid', 'the answer to an enrolment is of another media type', {
      hint: 'Check that the address is that of the authority’s listener for devices.',
    });
  }
  return { kind: 'issued', certificates: readCertsOnly(readBase64Body(body, longestMessage)) };
}
