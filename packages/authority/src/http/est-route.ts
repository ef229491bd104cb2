/**
 * EST (RFC 7030, RFC 8951, RFC 9908) as routes of a listener whose gate has let a device through. Bodies are read here, under their cap; what
 * is decided behind this sees a key whose possession was proven, and no foreign bytes.
 */
import type { TLSSocket } from 'node:tls';
import { ImprintError } from '@imprint/contract/errors';
import { bodyCap, readBase64Body, writeBase64Body } from '@imprint/contract/est/base64-body';
import { writeCertsOnly } from '@imprint/contract/est/certs-only';
import { writeCsrAttributes } from '@imprint/contract/est/csr-attributes';
import { essence, estMediaType } from '@imprint/contract/est/media-types';
import { readRequestClaims } from '@imprint/contract/est/request-claims';
import { limits } from '@imprint/contract/limits';
import { fromPem } from '@imprint/contract/x509/pem';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Kysely } from 'kysely';
import { readCertificationRequest } from '../issuing/certification-request.ts';
import type { LineCore } from '../jobs/line-core.ts';
import { Enrolment, type EnrolmentAnswer, type EnrolmentRequest } from '../onboarding/enrol.ts';
import type { KnownDevice } from '../onboarding/known-device.ts';
import type { Tables } from '../storage/tables.ts';
import { trustedCas } from '../trust/issuers.ts';
import { isWord } from './answer-route.ts';
import { requireBound } from './channel-binding.ts';

/** What the routes ask for: every decision. It may be taken in another thread. */
export type EnrolmentDecisions = Pick<Enrolment, 'enrol' | 'renew' | 'keyTypeFor'>;

export interface EstOptions {
  enrolment: EnrolmentDecisions;
  /** The device that the gate let through with this request. */
  deviceOf: (request: FastifyRequest) => KnownDevice;
  caCertificates: CaCertificates;
}

/** DER of the roots and intermediates under which devices are certified. */
export type CaCertificates = () => Promise<Uint8Array[]>;

/** With and without label: a label changes nothing, since who asks is known by its certificate. */
const bases = ['/.well-known/est', '/.well-known/est/:label'] as const;

/** The routes of an authority, for a listener that knows who asks. */
export function estRoutes(core: LineCore) {
  const enrolment = new Enrolment(core);
  return (listener: FastifyInstance, deviceOf: EstOptions['deviceOf']): void =>
    addEstRoutes(listener, {
      enrolment,
      deviceOf,
      caCertificates: caCertificatesOf(core.ledger.reader, core.rootPem),
    });
}

export function addEstRoutes(
  listener: FastifyInstance,
  { enrolment, deviceOf, caCertificates }: EstOptions,
): void {
  addCaCertsRoutes(listener, caCertificates);
  listener.addContentTypeParser('application/pkcs10', { parseAs: 'buffer' }, (_, body, done) =>
    done(null, body),
  );
  const posted = { bodyLimit: bodyCap(limits.csrBytes), onRequest: requirePkcs10 };
  for (const base of bases) {
    listener.get(`${base}/csrattrs`, async (request, reply) => {
      requireLabel(request);
      const keyType = await enrolment.keyTypeFor(deviceOf(request));
      return send(reply, estMediaType.attributes, writeCsrAttributes(keyType));
    });
    listener.post(`${base}/simpleenroll`, posted, async (request, reply) =>
      answer(reply, await enrolment.enrol(deviceOf(request), readEnrolment(request))),
    );
    listener.post(
      `${base}/simplereenroll`,
      { ...posted, config: { door: 'renewal' } },
      async (request, reply) =>
        answer(reply, await enrolment.renew(deviceOf(request), readEnrolment(request))),
    );
    listener.post(`${base}/serverkeygen`, { onRequest: refuseServerKeys }, refuseServerKeys);
  }
}

/** What anybody may ask, and asks before it trusts anybody: it is to be held against a root that is pinned. */
export function addCaCertsRoutes(listener: FastifyInstance, caCertificates: CaCertificates): void {
  for (const base of bases) {
    listener.get(`${base}/cacerts`, { config: { openToAnybody: true } }, async (request, reply) => {
      requireLabel(request);
      return send(reply, estMediaType.certificates, writeCertsOnly(await caCertificates()));
    });
  }
}

export function caCertificatesOf(reader: Kysely<Tables>, rootPem: string): CaCertificates {
  return async () => [...fromPem('CERTIFICATE', rootPem), ...(await trustedCas(reader, 'device'))];
}

/** @throws request_too_large, bad_request, csr_invalid, csr_proof_wrong, key_unsupported */
function readEnrolment(request: FastifyRequest): EnrolmentRequest {
  requireLabel(request);
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
  const der = readBase64Body(body, limits.csrBytes);
  // the proof first: claims of a request that nobody signed are nobody's
  const csr = readCertificationRequest(der);
  const claims = readRequestClaims(der);
  requireBound(claims.challengePassword, request.raw.socket as TLSSocket);
  return { csr, claims };
}

async function requirePkcs10(request: FastifyRequest): Promise<void> {
  if (essence(request.headers['content-type']) === estMediaType.request) return;
  throw new ImprintError('bad_request', 'The body of an enrolment is a certification request.', {
    hint: `Send base64 of it with the header content-type: ${estMediaType.request}.`,
  });
}

async function refuseServerKeys(): Promise<never> {
  throw new ImprintError('enrolment_refused', 'Keys are made on devices, and never here.', {
    hint: 'Make a key on the device, and send a request for it to simpleenroll.',
  });
}

function requireLabel({ params }: FastifyRequest): void {
  const { label } = (params ?? {}) as { label?: string };
  if (label === undefined || isWord(label)) return;
  throw new ImprintError('bad_request', 'A part of the path is no label.');
}

function answer(reply: FastifyReply, given: EnrolmentAnswer): FastifyReply {
  if (given.kind === 'issued') {
    return send(reply, estMediaType.certificates, writeCertsOnly([given.certificate]));
  }
  return reply
    .code(202)
    .header('cache-control', 'no-store')
    .header('retry-after', String(given.retryAfterSeconds))
    .send();
}

function send(reply: FastifyReply, type: string, der: Uint8Array): FastifyReply {
  return (
    reply
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      // clients of RFC 7030 ask for it; RFC 8951 has all others pass over it
      .header('content-transfer-encoding', 'base64')
      .type(type)
      .send(writeBase64Body(der))
  );
}
