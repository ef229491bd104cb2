/**
 * The listener for units in the field: TLS 1.2 and 1.3 with the certificates that were written on the line. One hook decides who may
 * speak, before a body is read and at every request of a connection. It assumes that any device may be hostile, and that all of them
 * come at once.
 */
import { constants, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket, Server as TlsServer } from 'node:tls';
import {
  type DeviceContact,
  type DeviceReport,
  type DeviceRouteName,
  deviceRoutes,
} from '@imprint/contract/api/device';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Realm } from '@imprint/contract/x509/realm';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DeviceDecisions } from '../onboarding/device-decisions.ts';
import { contactError } from '../onboarding/judge-contact.ts';
import type { KnownDevice } from '../onboarding/known-device.ts';
import { Pace } from '../pace.ts';
import { capConnections } from './connection-caps.ts';
import { DeviceGate, type DeviceGateOptions, type Door } from './device-gate.ts';
import { type HandshakeCaps, queueHandshakes } from './handshake-queue.ts';
import { createListener } from './listener.ts';
import type { FaultReport } from './problem.ts';

/** What changes while the listener runs. */
export interface DeviceListenerTls {
  key: KeyObject;
  /** The server's certificate with the chain beneath the root, PEM. */
  certificateChainPem: string;
  /** The root that devices' certificates lead to, and the CAs that are trusted now, PEM. */
  deviceCaPem: string;
}

export interface DeviceListenerOptions extends Omit<DeviceGateOptions, 'decisions'> {
  realm: Realm;
  hosts: readonly string[];
  tls: DeviceListenerTls;
  decisions: Pick<DeviceDecisions, 'activate' | 'endPredecessor' | 'suspectClone' | 'report'>;
  report: FaultReport;
  /** Adds further routes. Each is for devices that the gate lets through, unless its `config.openToAnybody` is true. */
  mount?: (listener: FastifyInstance, deviceOf: (request: FastifyRequest) => KnownDevice) => void;
  handshakes?: HandshakeCaps;
}

export interface DeviceListener {
  /** Not yet listening. */
  listener: FastifyInstance;
  /** Decides for other doors too. */
  gate: DeviceGate;
  /** From here on new connections meet this key and these CAs; those that are there go on. */
  renew(tls: DeviceListenerTls): void;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** No certificate is asked for. */
    openToAnybody?: true;
    /** Devices whose CA's key was stolen may come here, and nowhere else. */
    door?: Door;
  }
}

const handshakeTimeoutMs = 10_000;
const tlsSessionSeconds = 300;
/** Above this share of all connections an answer is the last one of its connection. */
const crowded = 0.75;
/** Whoever is told to come again is told when: not the same for all, so that they do not come at once. */
const comeAgainSeconds = { least: 5, spread: 26 };

export function createDeviceListener(options: DeviceListenerOptions): DeviceListener {
  const { report, hosts, decisions } = options;
  const listener = createListener({
    hosts,
    report,
    bodyBytes: limits.deviceRequestBytes,
    tls: {
      ...contextOf(options.tls),
      requestCert: true,
      // a device that has none yet, or whose certificate ran out, is told so; the hook below lets it no further
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      sessionTimeout: tlsSessionSeconds,
      ALPNProtocols: ['http/1.1'],
    },
  });
  const server = listener.server as unknown as TlsServer;
  server.maxConnections = limits.deviceConnections;
  queueHandshakes(server, options.handshakes);
  capConnections(listener.server, {
    // of those who have not finished their handshake the queue takes care
    perStranger: limits.handshakesWaiting,
    perCertificate: limits.connectionsPerDevice,
    silenceMs: limits.headersTimeoutMs,
  });
  const gate = new DeviceGate(options);
  const devices = new WeakMap<FastifyRequest, KnownDevice>();
  const deviceOf = (request: FastifyRequest): KnownDevice => {
    const device = devices.get(request);
    if (device === undefined) throw new ImprintError('internal', 'A route for devices was asked by none.');
    return device;
  };
  limitRequests(listener);
  // what is found at no path is refused to strangers too, so that they learn nothing of the paths
  listener.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.openToAnybody === true) return;
    devices.set(request, await gate.admit(request.raw.socket as TLSSocket, request.routeOptions.config.door));
  });
  const reports = new Pace(
    { burst: limits.reportsPerDevice, perSecond: limits.reportsPerDeviceADay / 86_400 },
    options.monotonicMs,
  );
  const said = new LastSaid();
  for (const name of Object.keys(deviceRoutes) as DeviceRouteName[]) {
    const { method, path, request: schema, response } = deviceRoutes[name];
    listener.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const known = deviceOf(request);
        const body = schema.parse(request.body) as DeviceReport;
        await takeReport(decisions, known, body, said, reports);
        const contact: DeviceContact = {
          device_id: known.deviceId,
          realm: options.realm,
          state: 'activated',
          server_time: options.clock().toISOString(),
          next_contact_seconds: nextContact(known),
        };
        return send(reply, JSON.stringify(response.parse(contact)));
      },
    });
  }
  options.mount?.(listener, deviceOf);
  return { listener, gate, renew: (tls) => server.setSecureContext(contextOf(tls)) };
}

function contextOf({ key, certificateChainPem, deviceCaPem }: DeviceListenerTls): SecureContextOptions {
  return {
    key: key.export({ format: 'pem', type: 'pkcs8' }),
    cert: certificateChainPem,
    ca: deviceCaPem,
    // constrained devices speak 1.2; a connection stays with the certificate that it began with
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

function send(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type('application/json').send(text);
}

/** So many requests at a time; who is told to come again is told when; and where it is crowded nobody keeps a connection. */
function limitRequests(listener: FastifyInstance): void {
  let connections = 0;
  listener.server.on('connection', (socket: Socket) => {
    connections++;
    socket.once('close', () => connections--);
  });
  let underWay = 0;
  listener.addHook('onRequest', async (_request, reply) => {
    if (underWay >= limits.deviceRequestsAtOnce) {
      throw new ImprintError('unavailable', 'More devices ask than can be answered now.', {
        hint: 'Come again after as many seconds as Retry-After says.',
      });
    }
    underWay++;
    // also where the client left before its answer
    reply.raw.once('close', () => underWay--);
  });
  listener.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode === 429 || reply.statusCode === 503) {
      const spread = (request.raw.socket.remotePort ?? 0) % comeAgainSeconds.spread;
      reply.header('retry-after', String(comeAgainSeconds.least + spread));
    }
    if (connections > limits.deviceConnections * crowded) reply.header('connection', 'close');
    done(null, payload);
  });
}

/** What each device said last, so that what says nothing new asks no decision. */
class LastSaid {
  readonly #said = new Map<string, string>();

  isNew({ deviceId }: KnownDevice, text: string): boolean {
    return this.#said.get(deviceId) !== text;
  }

  remember({ deviceId }: KnownDevice, text: string): void {
    if (this.#said.size >= limits.contactsRemembered) this.#said.clear();
    this.#said.set(deviceId, text);
  }
}

/** @throws clone_suspected where it names another board; rate_limited where it changes its mind too often */
async function takeReport(
  decisions: Pick<DeviceDecisions, 'report'>,
  known: KnownDevice,
  report: DeviceReport,
  said: LastSaid,
  pace: Pace,
): Promise<void> {
  const text = JSON.stringify(report);
  if (!said.isNew(known, text)) return;
  if (!pace.take(known.deviceId)) {
    throw new ImprintError('rate_limited', 'This device says something else of itself too often.', {
      hint: 'Report what changed, when it changed.',
    });
  }
  if ((await decisions.report(known, report)) === 'moved') throw contactError('clone-suspected');
  said.remember(known, text);
}

/** An hour, or a quarter less or more: by the certificate, so that a fleet that started at once does not come at once. */
function nextContact({ certificateSha256 }: KnownDevice): number {
  const share = Number.parseInt(certificateSha256.slice(0, 4), 16) / 0x1_0000;
  return Math.round(limits.contactEverySeconds * (0.75 + share / 2));
}
