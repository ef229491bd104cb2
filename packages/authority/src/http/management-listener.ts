/**
 * The listener for people and their programs: HTTPS, tokens and sessions. One hook decides who asks and whether they may, before a
 * body is read and at every request of a connection; the routes come from the API's schemas.
 */
import type { KeyObject } from 'node:crypto';
import {
  type ManagementRouteName,
  managementRoutes,
  routePermissions,
} from '@imprint/contract/api/management';
import { managementOpenApi } from '@imprint/contract/api/open-api';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authorize, permissionsNow, type Who } from '../access/authorize.ts';
import type { OidcSignIn } from '../access/oidc-sign-in.ts';
import { capConnections } from './connection-caps.ts';
import { createListener } from './listener.ts';
import { answer, setSession } from './management-answer.ts';
import { requireSameSite, whoAsks } from './management-gate.ts';
import { type ManagementCall, type ManagementCore, managementHandlers } from './management-handlers.ts';
import { addOidcRoutes, oidcCallbackPath } from './oidc-routes.ts';
import type { FaultReport } from './problem.ts';

export interface ManagementListenerOptions {
  core: ManagementCore;
  hosts: readonly string[];
  /** The server's key, and its certificate with the chain above it, PEM. */
  key: KeyObject;
  certificateChainPem: string;
  /** Signing in at the company's provider, where there is one. */
  oidc?: OidcSignIn;
  report: FaultReport;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    managementRoute?: ManagementRouteName;
  }
}

const idle = { perStranger: limits.connectionsPerStranger, perCertificate: 1, silenceMs: 60_000 };
const pathPart = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** The listener, not yet listening. */
export function createManagementListener(options: ManagementListenerOptions): FastifyInstance {
  const { core, hosts, report, oidc } = options;
  const listener = createListener({
    hosts,
    report,
    ...(oidc === undefined ? {} : { queryPath: oidcCallbackPath }),
    tls: {
      key: options.key.export({ format: 'pem', type: 'pkcs8' }),
      cert: options.certificateChainPem,
      minVersion: 'TLSv1.3',
      handshakeTimeout: limits.requestTimeoutMs,
      ALPNProtocols: ['http/1.1'],
    },
  });
  capConnections(listener.server, idle);
  const callers = new WeakMap<FastifyRequest, Who>();
  listener.addHook('onRequest', async (request) => {
    const name = request.routeOptions.config.managementRoute;
    if (name !== undefined) await admit(core, request, name, callers);
  });
  for (const name of Object.keys(managementRoutes) as ManagementRouteName[]) {
    addRoute(listener, core, name, (request) => callers.get(request));
  }
  const document = JSON.stringify(managementOpenApi());
  listener.get('/v1/openapi.json', (_, reply) => answer(reply, document));
  if (oidc !== undefined) addOidcRoutes(listener, core, oidc);
  return listener;
}

/** @throws not_authenticated, token_invalid, not_authorized, account_disabled */
async function admit(
  core: ManagementCore,
  request: FastifyRequest,
  name: ManagementRouteName,
  callers: WeakMap<FastifyRequest, Who>,
): Promise<void> {
  const needed = routePermissions[name];
  // signing somebody in from another site's page is an attack as well
  if (needed === 'anybody') return requireSameSite(request.headers);
  const who = await whoAsks(core, request.headers);
  const moment = { tx: core.ledger.reader, at: core.clock().toISOString() };
  if (needed === 'signed-in') await permissionsNow(moment, who);
  else await authorize(moment, who, needed);
  callers.set(request, who);
}

function addRoute(
  listener: FastifyInstance,
  core: ManagementCore,
  name: ManagementRouteName,
  callerOf: (request: FastifyRequest) => Who | undefined,
): void {
  const { method, path, request: schema, response } = managementRoutes[name];
  // the map's types hold for each route; over a name that is any of them they cannot be written down
  const handle = managementHandlers(core)[name] as (
    call: ManagementCall<ManagementRouteName>,
  ) => Promise<unknown>;
  listener.route({
    method,
    url: path,
    config: { managementRoute: name },
    handler: async (request, reply) => {
      const params = request.params as Record<string, string>;
      if (!Object.values(params).every((part) => pathPart.test(part))) {
        throw new ImprintError('bad_request', 'A part of the path is no ID.');
      }
      const given = await handle({
        request: schema.parse(method === 'GET' ? {} : request.body) as never,
        who: callerOf(request) as never,
        params,
        address: request.socket.remoteAddress ?? '',
        setSession: (secret) => setSession(reply, secret),
      });
      const checked = response.safeParse(given);
      if (!checked.success) {
        throw new ImprintError('internal', `The answer of ${name} is not as its schema says.`, {
          context: { route: name, path: checked.error.issues[0]?.path.join('.') },
        });
      }
      return answer(reply, JSON.stringify(checked.data));
    },
  });
}
