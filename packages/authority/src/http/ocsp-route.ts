/**
 * OCSP over HTTP (RFC 6960 appendix A, RFC 9919): `POST /ocsp`, and `GET /ocsp/<base64 of the request>` with what caches need. Whatever is
 * wrong with a request is said in OCSP, since that is what its client reads.
 */
import { limits } from '@imprint/contract/limits';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { networkOf, Pace } from '../pace.ts';
import type { OcspAnswer, OcspResponder } from '../revocation/ocsp-responder.ts';
import type { Clock } from '../surroundings.ts';

const requestType = 'application/ocsp-request';
const responseType = 'application/ocsp-response';
const prefix = '/ocsp/';
/** Base64 of the longest request with every character percent-encoded. */
const mostPath = prefix.length + 3 * (4 * Math.ceil(limits.ocspRequestBytes / 3));
const nothing = new Uint8Array(0);

export interface OcspRouteOptions {
  responder: Pick<OcspResponder, 'answer'>;
  clock: Clock;
  /** Milliseconds of a clock that only goes on. */
  monotonicMs: () => number;
}

export function addOcspRoutes(
  listener: FastifyInstance,
  { responder, clock, monotonicMs }: OcspRouteOptions,
): void {
  const ofAddress = new Pace(
    { burst: limits.ocspSignatures, perSecond: limits.ocspSignaturesASecond },
    monotonicMs,
  );
  const ofAll = new Pace(
    { burst: limits.ocspSignaturesOfAll, perSecond: limits.ocspSignaturesOfAllASecond },
    monotonicMs,
  );
  const answer = (request: FastifyRequest, der: Uint8Array) =>
    responder.answer(der, () => ofAddress.take(networkOf(request.ip)) && ofAll.take(''));

  listener.addContentTypeParser(requestType, { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  listener.post('/ocsp', { bodyLimit: limits.ocspRequestBytes }, (request, reply) =>
    once(answer(request, request.body instanceof Uint8Array ? request.body : nothing), ({ response }) =>
      // what a POST is answered no cache may give to another one
      send(reply.header('cache-control', 'no-store'), response),
    ),
  );
  listener.get(`${prefix}*`, (request, reply) =>
    once(answer(request, requestOf(request.url)), (given) => sendCacheable(request, reply, given, clock())),
  );
}

/** Without a turn of the event loop where the answer is there already. */
function once<T, R>(value: T | Promise<T>, act: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(act) : act(value);
}

/** The request in a path; nothing where the path holds none, which is malformed as a request too. */
function requestOf(url: string): Uint8Array {
  if (url.length > mostPath) return nothing;
  try {
    const text = decodeURIComponent(url.slice(prefix.length));
    return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : nothing;
  } catch {
    return nothing;
  }
}

/** The headers of RFC 9919 section 7.2; an answer that may not be kept says so. */
function sendCacheable(
  request: FastifyRequest,
  reply: FastifyReply,
  { response, kept }: OcspAnswer,
  now: Date,
): FastifyReply {
  if (kept === undefined) return send(reply.header('cache-control', 'no-store'), response);
  const { nextUpdateMs, etag, lastModified, expires } = kept;
  const leftSeconds = Math.max(0, Math.floor((nextUpdateMs - now.getTime()) / 1000));
  reply
    .header('cache-control', `max-age=${leftSeconds}, public, no-transform, must-revalidate`)
    .header('last-modified', lastModified)
    .header('expires', expires)
    .header('etag', etag);
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  return send(reply, response);
}

function send(reply: FastifyReply, response: Buffer): FastifyReply {
  return reply.header('x-content-type-options', 'nosniff').type(responseType).send(response);
}
