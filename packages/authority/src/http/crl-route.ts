/** `GET /crl/<key identifier>/<partition>.crl`: a CRL with what caches need to know, so that none keeps it past its end. */
import { ImprintError } from '@imprint/contract/errors';
import type { FastifyInstance } from 'fastify';
import type { CrlShelf } from '../revocation/crl-shelf.ts';
import type { Clock } from '../surroundings.ts';

const path = /^\/crl\/([0-9a-f]{40})\/(0|[1-9][0-9]{0,3})\.crl$/;

/**
 * A cache asks again after a tenth of what is left, so that a revocation is seen soon by those who ask; with a validator, a list that did
 * not change costs it nothing.
 */
const keptShare = 0.1;

export function addCrlRoute(
  listener: FastifyInstance,
  { shelf, clock }: { shelf: Pick<CrlShelf, 'get'>; clock: Clock },
): void {
  listener.get('/crl/*', async (request, reply) => {
    // as it stands in the request line: a path has one spelling
    const match = path.exec(request.url);
    const served = match === null ? undefined : await shelf.get(match[1]!, Number(match[2]));
    if (served === undefined) {
      throw new ImprintError('unknown_route', 'No CA of this authority has such a CRL.', {
        hint: 'Take the URL from the certificate: /crl/<key identifier of its issuer>/<partition>.crl.',
      });
    }
    const { crl, sha256, thisUpdate, nextUpdate } = served;
    const leftMs = Date.parse(nextUpdate) - clock().getTime();
    const etag = `"${sha256}"`;
    reply
      .header('cache-control', `public, max-age=${Math.max(0, Math.floor((leftMs * keptShare) / 1000))}`)
      .header('last-modified', new Date(thisUpdate).toUTCString())
      .header('expires', new Date(nextUpdate).toUTCString())
      .header('etag', etag)
      .header('x-content-type-options', 'nosniff');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/pkix-crl').send(crl);
  });
}
