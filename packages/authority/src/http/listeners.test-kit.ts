/** For tests: a station listener on loopback with a realm of its own, stations with certificates, and requests over real TLS. */
import { type KeyObject, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type StationRouteName, stationRoutes } from '@imprint/contract/api/station';
import { sha256Hex } from '@imprint/contract/hash';
import type { FastifyInstance } from 'fastify';
import { issue } from '../issuing/issue.ts';
import { prepareStation } from '../issuing/prepare.ts';
import { spkiOf } from '../issuing/requests.test-kit.ts';
import { makeSerial } from '../issuing/serial.ts';
import { stationProfile } from '../issuing/station-profile.ts';
import { makeKey } from '../signer/software.ts';
import type { RegisteredStation } from '../stations/find-station.ts';
import { makeTestRealm, pem, type TestRealm } from '../trust/hierarchy.test-kit.ts';
import type { StationHandlers } from './station-handlers.ts';
import { createStationListener } from './station-listener.ts';

export interface Call {
  name: StationRouteName;
  request: unknown;
  caller: unknown;
  params: Record<string, string>;
}

export interface Identity {
  key: KeyObject;
  certificate: Uint8Array;
}

export interface TestListener {
  realm: TestRealm;
  listener: FastifyInstance;
  port: number;
  registered: Map<string, RegisteredStation>;
  calls: Call[];
  faults: unknown[];
  /** Stations of which people were told. */
  alarms: string[];
  /** What the next handlers do in place of answering as they should. */
  answers: Partial<Record<StationRouteName, () => unknown>>;
  /** Moves the authority's clock. */
  setNow: (now: Date) => void;
  enrol: (stationId: string) => Promise<Identity>;
  close: () => Promise<void>;
}

export async function openTestListener(requestTimeoutMs = 10_000): Promise<TestListener> {
  // OpenSSL judges certificates by the machine's clock, so this realm lives now
  let now = new Date();
  const realm = await makeTestRealm('dev', new Date(now.getTime() - 3_600_000));
  const { certificates, keys } = realm.hierarchy;
  const registered = new Map<string, RegisteredStation>();
  const calls: Call[] = [];
  const faults: unknown[] = [];
  const alarms: string[] = [];
  const answers: TestListener['answers'] = {};
  const handlers = Object.fromEntries(
    (Object.keys(stationRoutes) as StationRouteName[]).map((name) => [
      name,
      async (request: unknown, caller: unknown, params: Record<string, string>) => {
        calls.push({ name, request, caller, params: { ...params } });
        return answers[name]?.() ?? {};
      },
    ]),
  ) as unknown as StationHandlers;
  const listener = createStationListener({
    realm: 'dev',
    hosts: ['authority.example.com'],
    key: keys.server,
    certificateChainPem:
      pem(certificates.server) + pem(certificates.stationCa) + pem(certificates.stationRoot),
    stationCaPem: pem(certificates.stationCa) + pem(certificates.stationRoot),
    findStation: async (stationId) => registered.get(stationId),
    alarm: async (kind, stationId) => void alarms.push(`${stationId} ${kind}`),
    handlers,
    clock: () => now,
    report: (error) => {
      faults.push(error);
      throw new Error('the log is full of secrets');
    },
    requestTimeoutMs,
  });
  await listener.listen({ host: '127.0.0.1', port: 0 });
  return {
    realm,
    listener,
    port: (listener.server.address() as AddressInfo).port,
    registered,
    calls,
    faults,
    alarms,
    answers,
    setNow: (time) => {
      now = time;
    },
    enrol: async (stationId) => {
      const identity = await makeStation(realm, stationId, now);
      registered.set(stationId, {
        status: 'confirmed',
        certificateSha256: sha256Hex(identity.certificate),
        notAfter: new Date(now.getTime() + 60 * 86_400_000).toISOString(),
      });
      return identity;
    },
    close: () => listener.close(),
  };
}

/** A station's key and certificate under a realm's station CA. */
export async function makeStation(realm: TestRealm, stationId: string, now: Date): Promise<Identity> {
  const key = makeKey('ec-p256');
  const profile = stationProfile('Example Devices', realm.stationCa.realm);
  const token = prepareStation(
    realm.stationCa,
    profile,
    { stationId, site: 'site-1', spki: spkiOf(key) },
    makeSerial(now, randomBytes),
    now,
  );
  const { certificate } = await issue(token, realm.stationCa, { ...token });
  return { key, certificate };
}

/** An agent that keeps one connection, with a client certificate where one is given. */
export function agentFor(
  test: Pick<TestListener, 'realm'>,
  identity?: Identity,
  above: readonly Uint8Array[] = [test.realm.hierarchy.certificates.stationCa],
): Agent {
  const { stationRoot } = test.realm.hierarchy.certificates;
  return new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: pem(stationRoot),
    ...(identity === undefined
      ? {}
      : {
          key: identity.key.export({ format: 'pem', type: 'pkcs8' }) as string,
          cert: pem(identity.certificate) + above.map(pem).join(''),
        }),
  });
}

export interface Answer {
  status: number;
  type: string | undefined;
  text: string;
  json: { code?: string; detail?: string };
  headers: IncomingHttpHeaders;
  socket: TLSSocket;
}

export interface Ask {
  method?: string;
  path: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

export function ask(
  test: Pick<TestListener, 'port'>,
  agent: Agent,
  { method, path, body, headers }: Ask,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    const outgoing = httpsRequest(
      {
        host: '127.0.0.1',
        port: test.port,
        // fixed, since a Host header of a test would decide it otherwise
        servername: 'localhost',
        agent,
        method: method ?? 'POST',
        path,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const type = incoming.headers['content-type'];
          const json = type?.includes('json') ? JSON.parse(text) : {};
          const { headers, statusCode } = incoming;
          resolve({ status: statusCode!, type, text, json, headers, socket });
        });
      },
    );
    outgoing.on('socket', (used) => {
      socket = used as TLSSocket;
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
