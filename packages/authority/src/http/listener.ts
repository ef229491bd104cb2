/**
 * What all listeners have in common: caps on bytes, times and connections, a check of the Host header, and problem
 * documents for everything that goes wrong. It trusts no client, and no framework to hide its insides.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import Fastify, { type FastifyInstance } from 'fastify';
import { type FaultReport, rawProblem, sendProblem } from './problem.ts';
import { requireSingleKeys } from './single-keys.ts';

export interface ListenerOptions {
  /** Names and addresses that a Host header may bear, beside the loopback ones. */
  hosts: readonly string[];
  report: FaultReport;
  /** TLS where it is given, plain HTTP where not. */
  tls?: TlsOptions;
  bodyBytes?: number;
  /** The one path whose requests may have a query. */
  queryPath?: string;
  requestTimeoutMs?: number;
}

const loopback = ['localhost', '127.0.0.1', '::1'];

/** A Fastify instance without routes. Unknown paths and methods are `unknown_route`. */
export function createListener(options: ListenerOptions): FastifyInstance {
  const { requestTimeoutMs = limits.requestTimeoutMs, bodyBytes = limits.requestBytes } = options;
  const server = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: Math.min(limits.headersTimeoutMs, requestTimeoutMs),
    // how often timeouts are looked for: Node's own 30 s would make them mean nothing
    connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs),
    requireHostHeader: true,
    insecureHTTPParser: false,
  };
  const listener = Fastify({
    ...(options.tls === undefined ? { http: server } : { https: { ...server, ...options.tls } as never }),
    logger: false,
    bodyLimit: bodyBytes,
    requestTimeout: requestTimeoutMs,
    // a kept connection is a handshake saved: stations speak every few seconds
    keepAliveTimeout: 120_000,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 128, caseSensitive: true, ignoreTrailingSlash: false },
    clientErrorHandler: answerBrokenClient,
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, error, options.report);
    },
  }) as unknown as FastifyInstance;
  listener.server.maxConnections = limits.connections;
  takeJsonAlone(listener);
  const hosts = new Set([...loopback, ...options.hosts].map((host) => host.toLowerCase()));
  listener.addHook('onRequest', async (request) => {
    requireOneReading(request.raw);
    requireHost(request.headers.host, hosts);
    if (request.headers['content-encoding'] !== undefined) {
      throw new ImprintError('bad_request', 'Compressed bodies are not taken here.', {
        hint: 'Send the body as it is.',
      });
    }
    if (request.url.includes('?') && request.url.split('?')[0] !== options.queryPath) {
      throw new ImprintError('bad_request', 'No path of this listener has a query.');
    }
  });
  listener.addHook('onSend', (request, reply, payload, done) => {
    const isLong = typeof payload === 'string' && Buffer.byteLength(payload) > limits.keptAnswerBytes;
    if (isLong || isWithoutEnd(request.raw, bodyBytes)) reply.header('connection', 'close');
    done(null, payload);
  });
  listener.setErrorHandler((error, _request, reply) => sendProblem(reply, error, options.report));
  listener.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new ImprintError('unknown_route', 'There is nothing at this path.'), options.report),
  );
  return listener;
}

/** Fastify would take plain text too, and of keys that stand twice the last. */
function takeJsonAlone(listener: FastifyInstance): void {
  listener.removeAllContentTypeParsers();
  const parse = listener.getDefaultJsonParser('error', 'error');
  listener.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    parse(request, body as string, (error, value) => {
      if (error) return done(error);
      try {
        requireSingleKeys(body as string, value);
        done(null, value);
      } catch (refusal) {
        done(refusal as Error);
      }
    });
  });
}

/** What a proxy before us could read in another way than we do (RFC 9112, sections 3.2 and 6.1). */
function requireOneReading({ url, headers, rawHeaders }: IncomingMessage): void {
  if (!url?.startsWith('/')) {
    throw new ImprintError('bad_request', 'The target of a request is a path, without scheme and host.');
  }
  const names = rawHeaders.filter((_, at) => at % 2 === 0);
  if (names.filter((name) => name.toLowerCase() === 'host').length > 1) {
    throw new ImprintError('bad_request', 'The request has two Host headers.');
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new ImprintError('bad_request', 'The body of a request comes as it is, whole or in chunks.');
  }
}

/**
 * What was answered before its body had come, where that may be more than the cap: on a connection that is kept, Node would
 * read on for as long as the client sends. A body that names its length is skipped, which costs less than a new handshake.
 */
function isWithoutEnd({ complete, headers }: IncomingMessage, bodyBytes: number): boolean {
  const { 'transfer-encoding': coding, 'content-length': length = '0' } = headers;
  return !complete && (coding !== undefined || Number(length) > bodyBytes);
}

/** A page in a browser that was led here by a changed name (DNS rebinding) sends that name. */
function requireHost(header: string | undefined, hosts: ReadonlySet<string>): void {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?$/.exec(header ?? '');
  const host = (match?.[1] ?? match?.[2])?.toLowerCase();
  if (host !== undefined && hosts.has(host)) return;
  throw new ImprintError('bad_request', 'The Host header names another host than this listener.', {
    hint: 'Use a name that the authority was given with `imprint init --host`.',
  });
}

function answerBrokenClient(error: Error & { code?: string }, socket: Socket): void {
  // a reset or a failed handshake has nobody to answer to
  if (socket.writable && !socket.destroyed && error.code !== 'ECONNRESET') socket.end(rawProblem(error));
  else socket.destroy();
}
