/**
 * The listener for anybody: CA certificates, CRLs, OCSP, checkpoints and hash tiles over plain HTTP, since each proves itself.
 * It serves nothing that tells what the factory makes: entry bundles are refused whoever asks.
 */
import { ImprintError } from '@imprint/contract/errors';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { CrlShelf } from '../revocation/crl-shelf.ts';
import { addCrlRoute } from './crl-route.ts';
import { addCaCertsRoutes, type CaCertificates } from './est-route.ts';
import { createListener } from './listener.ts';
import { addOcspRoutes, type OcspRouteOptions } from './ocsp-route.ts';
import type { FaultReport } from './problem.ts';

export interface PublicListenerOptions {
  hosts: readonly string[];
  /** PEM. */
  rootPem: string;
  /** PEM of every CA that certifies devices, or did. */
  issuingPem: () => Promise<string>;
  /** DER of what devices are certified under, for clients of EST; absent, they ask elsewhere. */
  caCertificates?: CaCertificates;
  /** The newest bundle of trust anchors; undefined before the first. */
  bundle?: () => Promise<string | undefined>;
  /** The newest signed checkpoint of what is committed. */
  checkpoint: () => Promise<string>;
  /**
   * The bytes of the hash tile at a path such as `tile/0/x001/067.p/12`, undefined where the log has not grown so far.
   * Throws bad_request for what is no tile path, not_authorized for entry bundles.
   */
  hashTile: (path: string) => Promise<Uint8Array | undefined>;
  /** Absent, revocation is not told here. */
  revocation?: OcspRouteOptions & { shelf: Pick<CrlShelf, 'get'> };
  report: FaultReport;
}

/** A tile never changes: neither a full one nor the one of a given width. */
const forEver = 'public, max-age=31536000, immutable';
const forAnHour = 'public, max-age=3600';
const pemType = 'application/pem-certificate-chain';

/** The listener, not yet listening. */
export function createPublicListener(options: PublicListenerOptions): FastifyInstance {
  // nothing here has a body but a question of OCSP, which has a cap of its own
  const listener = createListener({ hosts: options.hosts, report: options.report, bodyBytes: 1 });
  listener.get('/ca/root.pem', (_, reply) => send(reply, options.rootPem, pemType, forAnHour));
  listener.get('/ca/issuing.pem', async (_, reply) =>
    send(reply, await options.issuingPem(), pemType, forAnHour),
  );
  if (options.caCertificates !== undefined) addCaCertsRoutes(listener, options.caCertificates);
  listener.get('/ca/bundle', async (_, reply) => {
    const bundle = await options.bundle?.();
    if (bundle === undefined) throw new ImprintError('unknown_route', 'No bundle was published yet.');
    return send(reply, bundle, 'application/json', 'no-cache');
  });
  if (options.revocation !== undefined) {
    addCrlRoute(listener, options.revocation);
    addOcspRoutes(listener, options.revocation);
  }
  listener.get('/checkpoint', async (_, reply) =>
    send(reply, await options.checkpoint(), 'text/plain; charset=utf-8', 'no-cache'),
  );
  listener.get('/tile/*', async (request, reply) => {
    // as it stands in the request line: a path has one spelling, so nothing is decoded
    const path = request.url.slice(1);
    if (path.startsWith('tile/entries')) {
      throw new ImprintError('not_authorized', 'Entry bundles are for auditors, not for this listener.', {
        hint: 'A receipt discloses its own entry; an auditor exports the log with `imprint audit export`.',
      });
    }
    const tile = await options.hashTile(path);
    if (tile === undefined) throw new ImprintError('unknown_route', 'The log has not grown to this tile.');
    return send(reply, Buffer.from(tile), 'application/octet-stream', forEver);
  });
  return listener;
}

function send(reply: FastifyReply, content: string | Buffer, type: string, cache: string): FastifyReply {
  return reply
    .header('cache-control', cache)
    .header('x-content-type-options', 'nosniff')
    .type(type)
    .send(content);
}
