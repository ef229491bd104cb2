/**
 * Tells other doors of this machine whether a device may pass: NGINX and its like, which have proven by TLS that the device holds the
 * key of its certificate, ask at each request. Plain HTTP, for loopback alone. It trusts whoever asks to say truly what their TLS
 * proved, and the registry for all the rest.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { fromPem } from '@imprint/contract/x509/pem';
import type { FastifyInstance } from 'fastify';
import type { DeviceGate } from './device-gate.ts';
import { createListener } from './listener.ts';
import type { FaultReport } from './problem.ts';

export const authorizePath = '/v1/authorize';

/** What the asking door says, each in a header of its own. */
export const authorizeHeaders = {
  /** `SUCCESS` where the chain was verified and the key proven. */
  verified: 'x-client-verify',
  /** The certificate as PEM, percent-encoded (NGINX: `$ssl_client_escaped_cert`). */
  certificate: 'x-client-cert',
  /** Or its SHA-256 over the DER, hex. */
  fingerprint: 'x-client-cert-sha256',
  /** From where the device came; optional. */
  address: 'x-real-ip',
} as const;

/**
 * The listener, not yet listening. `GET /v1/authorize` gives 204 with `imprint-device-id` and `imprint-profile`, or a problem document:
 * 401 where the certificate is none of this realm's or ran out, 403 where the device may not pass, 400 where the question is none.
 */
export function createAuthorizeListener(
  gate: Pick<DeviceGate, 'admitShown'>,
  report: FaultReport,
): FastifyInstance {
  const listener = createListener({ hosts: [], report, bodyBytes: limits.headerBytes });
  listener.get(authorizePath, async (request, reply) => {
    const { headers } = request;
    const known = await gate.admitShown({
      certificateSha256: shownCertificate(headers),
      isOurs: one(headers, authorizeHeaders.verified) === 'SUCCESS',
      address: one(headers, authorizeHeaders.address)?.slice(0, 64) ?? request.socket.remoteAddress ?? '',
      connection: undefined,
    });
    return reply
      .code(204)
      .header('cache-control', 'no-store')
      .header('imprint-device-id', known.deviceId)
      .header('imprint-profile', known.profile)
      .send();
  });
  return listener;
}

/** SHA-256 of the certificate that the door names. @throws not_authenticated where it names none, bad_request where it is none */
function shownCertificate(headers: IncomingHttpHeaders): string {
  const [certificate, fingerprint] = [
    one(headers, authorizeHeaders.certificate),
    one(headers, authorizeHeaders.fingerprint),
  ];
  if (certificate !== undefined && fingerprint !== undefined) {
    throw new ImprintError('bad_request', 'The question names a certificate and a fingerprint.', {
      hint: `Send ${authorizeHeaders.certificate} or ${authorizeHeaders.fingerprint}.`,
    });
  }
  if (fingerprint !== undefined) {
    if (/^[0-9a-f]{64}$/i.test(fingerprint)) return fingerprint.toLowerCase();
    throw new ImprintError('bad_request', `${authorizeHeaders.fingerprint} is no SHA-256 in hex.`);
  }
  if (certificate !== undefined) return sha256Hex(readEscaped(certificate));
  throw new ImprintError('not_authenticated', 'The device has shown no certificate.', {
    hint: 'Have the door ask devices for their certificate, and pass it on.',
  });
}

/** @throws bad_request */
function readEscaped(escaped: string): Uint8Array {
  try {
    return fromPem('CERTIFICATE', decodeURIComponent(escaped), 1)[0]!;
  } catch (cause) {
    throw new ImprintError('bad_request', `${authorizeHeaders.certificate} is no percent-encoded PEM.`, {
      hint: 'NGINX: proxy_set_header X-Client-Cert $ssl_client_escaped_cert;',
      cause,
    });
  }
}

/** A door that sends nothing sends an empty header. */
function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
