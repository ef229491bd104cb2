/**
 * The listener for factory PCs: TLS 1.3 with certificates of the station CA on both sides. One hook decides who may
 * speak, before a body is read; the routes come from the API's schemas. It assumes that any station may be hostile.
 */
import type { KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type StationRouteName, sessionHeader, stationRoutes } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Realm } from '@imprint/contract/x509/realm';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RaiseStationAlarm } from '../jobs/station-alarms.ts';
import type { FindStation } from '../stations/find-station.ts';
import { answerRoute, type Caller, isWord } from './answer-route.ts';
import { capConnections } from './connection-caps.ts';
import { createListener } from './listener.ts';
import type { FaultReport } from './problem.ts';
import { StationGate } from './station-gate.ts';
import { enrolmentRoutes, type StationHandlers } from './station-handlers.ts';

export interface StationListenerOptions {
  realm: Realm;
  hosts: readonly string[];
  /** The server's key, and its certificate with the chain up to the station root (which newcomers pin), PEM. */
  key: KeyObject;
  certificateChainPem: string;
  /** Station CA and station root, PEM. */
  stationCaPem: string;
  findStation: FindStation;
  /** Hears of a station that asks too fast. */
  alarm: RaiseStationAlarm;
  handlers: StationHandlers;
  clock: () => Date;
  report: FaultReport;
  requestTimeoutMs?: number;
}

const handshakeTimeoutMs = 10_000;
const tlsSessionSeconds = 300;

/** The listener, not yet listening. */
export function createStationListener(options: StationListenerOptions): FastifyInstance {
  const listener = createListener({
    hosts: options.hosts,
    report: options.report,
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
    tls: {
      key: options.key.export({ format: 'pem', type: 'pkcs8' }),
      cert: options.certificateChainPem,
      ca: options.stationCaPem,
      minVersion: 'TLSv1.3',
      requestCert: true,
      // a newcomer has no certificate yet; the hook below lets it reach the two enrolment routes and nothing else
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      sessionTimeout: tlsSessionSeconds,
      ALPNProtocols: ['http/1.1'],
    },
  });
  capConnections(listener.server);
  const gate = new StationGate(options.realm, options.findStation, options.alarm, options.clock);
  const callers = new WeakMap<FastifyRequest, Caller>();
  // what is found at no path is refused to strangers too, so that they learn nothing of the paths
  listener.addHook('onRequest', async (request) => {
    const name = request.routeOptions.config.stationRoute;
    if (name === undefined || !isEnrolment(name)) {
      callers.set(request, await admit(gate, request, name));
    }
  });
  for (const name of Object.keys(stationRoutes) as StationRouteName[]) {
    addRoute(listener, gate, name, options.handlers, (request) => callers.get(request));
  }
  return listener;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    stationRoute?: StationRouteName;
  }
}

function isEnrolment(name: StationRouteName): boolean {
  return (enrolmentRoutes as readonly StationRouteName[]).includes(name);
}

async function admit(
  gate: StationGate,
  request: FastifyRequest,
  name: StationRouteName | undefined,
): Promise<Caller> {
  const stationId = await gate.admit(request.raw.socket as TLSSocket);
  if (name === undefined || name === 'openSession') return { stationId };
  const sessionId = request.headers[sessionHeader];
  if (typeof sessionId === 'string' && isWord(sessionId)) return { stationId, sessionId };
  throw new ImprintError('not_authenticated', `The request bears no ${sessionHeader} header.`, {
    hint: 'Open a session first; the station program does so when it starts.',
  });
}

/** As many as the schema lets through, whatever the body is. */
function unitsOf(body: unknown): number {
  const { units } = (body ?? {}) as { units?: unknown };
  return Array.isArray(units) ? Math.min(Math.max(units.length, 1), limits.unitsPerRequest) : 1;
}

function addRoute(
  listener: FastifyInstance,
  gate: StationGate,
  name: StationRouteName,
  handlers: StationHandlers,
  callerOf: (request: FastifyRequest) => Caller,
): void {
  const { method, path } = stationRoutes[name];
  listener.route({
    method,
    url: path,
    config: { stationRoute: name },
    handler: async (request, reply) => {
      const params = request.params as Record<string, string>;
      const body = method === 'GET' ? {} : request.body;
      const caller = callerOf(request);
      if (name === 'issueCredentials' && caller !== undefined) {
        await gate.charge(caller.stationId, unitsOf(body) - 1);
      }
      const answer = await answerRoute(handlers, name, caller, params, body);
      return reply.header('cache-control', 'no-store').type('application/json').send(JSON.stringify(answer));
    },
  });
}
