/**
 * The authority double behind real TLS: a station CA and a server certificate of its own, the station listener's paths, and
 * the door for newcomers with a person who confirms. For tests of whatever speaks over the network.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { toProblem } from '@imprint/contract/api/problem';
import { type StationRouteName, sessionHeader, stationRoutes } from '@imprint/contract/api/station';
import { fromBase64, fromHex, toHex } from '@imprint/contract/bytes';
import { encodeEnrolmentToken } from '@imprint/contract/enrolment-token';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import {
  altName,
  buildCertificate,
  ext,
  type KeyPair,
  newKeyPair,
} from '@imprint/contract/x509/chain-fixture.test-kit';
import { derExplicit, derInteger, derTime } from '@imprint/contract/x509/der-writer';
import { caSubject, encodeName, type Name } from '@imprint/contract/x509/name';
import { oid } from '@imprint/contract/x509/oid';
import { toPem } from '@imprint/contract/x509/pem';
import { type PublicKey, publicKeySha256 } from '@imprint/contract/x509/public-key';
import { realmPolicyOid, stationUri } from '@imprint/contract/x509/realm';
import { type AuthorityDouble, keyOfRequest } from './authority.double.ts';

export class AuthorityServerDouble {
  readonly authority: AuthorityDouble;
  readonly stationId: string;
  /** What each request brought, for tests of headers. */
  readonly seen: { path: string; session: string | undefined; certificate: boolean }[] = [];
  /** Does something to the answer before it is sent; true where it has sent one itself. */
  disturb: (path: string, response: ServerResponse) => boolean = () => false;
  /** Fingerprints that a person has confirmed. */
  readonly confirmed = new Set<string>();
  readonly #server: Server;
  readonly #caKey: KeyPair = newKeyPair('ec-p256');
  readonly #rootKey: KeyPair = newKeyPair('ec-p384');
  readonly #ca: Uint8Array;
  readonly #root: Uint8Array;
  readonly #secret = toHex(randomBytes(32));
  #waiting: { spki: PublicKey; fingerprint: string } | undefined;

  constructor(authority: AuthorityDouble, stationId = 'station-1') {
    this.authority = authority;
    this.stationId = stationId;
    this.#root = this.#certify('Station Root', this.#rootKey.publicKey, 'Station Root', this.#rootKey, [
      ext.ca(),
      ext.keyUsage([5, 6]),
      ext.subjectKey(this.#rootKey.publicKey),
    ]);
    this.#ca = this.#certify('Station CA', this.#caKey.publicKey, 'Station Root', this.#rootKey, [
      ext.ca(0),
      ext.keyUsage([5, 6]),
      ext.subjectKey(this.#caKey.publicKey),
      ext.authorityKey(this.#rootKey.publicKey),
    ]);
    const key = newKeyPair('ec-p256');
    const leaf = this.#leaf('localhost', key.publicKey, oid.serverAuth, [
      altName.dns('localhost'),
      altName.ip('7f000001'),
    ]);
    this.#server = createServer(
      {
        key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }),
        cert: [leaf, this.#ca, this.#root].map((der) => toPem('CERTIFICATE', der)).join(''),
        ca: [this.#ca, this.#root].map((der) => toPem('CERTIFICATE', der)),
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
      },
      (request, response) => void this.#answer(request, response),
    );
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get authorityCaPem(): string {
    return toPem('CERTIFICATE', this.#root);
  }

  /** Drops every connection and takes no more. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  token(change: { pin_sha256?: string; url?: string } = {}): string {
    return encodeEnrolmentToken({
      realm: this.authority.realm,
      station_id: this.stationId,
      url: this.url,
      pin_sha256: sha256Hex(this.#root),
      secret: this.#secret,
      ...change,
    });
  }

  /** A key with a certificate of this station, as enrolment leaves them. */
  identity(): { certificatePem: string; keyPem: string } {
    const key = newKeyPair('ec-p256');
    return {
      certificatePem: this.#stationCertificate(key.publicKey),
      keyPem: key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const socket = request.socket as TLSSocket;
    const session = request.headers[sessionHeader];
    this.seen.push({
      path,
      session: typeof session === 'string' ? session : undefined,
      certificate: socket.authorized,
    });
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    try {
      const [name, params] = routeOf(request.method ?? '', path);
      const body = text === '' ? {} : JSON.parse(text);
      const isDoor = name === 'requestEnrolment' || name === 'collectEnrolment';
      if (!isDoor && !socket.authorized) throw new ImprintError('not_authenticated', 'who are you');
      const answer = isDoor ? this.#enrol(name, body) : await this.authority.call(name, params, body);
      if (this.disturb(path, response)) return;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      if (this.disturb(path, response)) return;
      const document = toProblem(error);
      response
        .writeHead(document.status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify(document));
    }
  }

  #enrol(name: 'requestEnrolment' | 'collectEnrolment', body: { token: string; csr_b64: string }): unknown {
    if (body.token !== this.#secret) throw new ImprintError('token_invalid', 'this token is not valid');
    const spki = keyOfRequest(fromBase64(body.csr_b64));
    const fingerprint = publicKeySha256(spki.spki);
    this.#waiting ??= { spki, fingerprint };
    if (this.#waiting.fingerprint !== fingerprint)
      throw new ImprintError('token_invalid', 'another key used this token');
    const isConfirmed = this.confirmed.has(fingerprint);
    if (name === 'requestEnrolment') {
      return {
        station_id: this.stationId,
        public_key_sha256: fingerprint,
        status: isConfirmed ? 'confirmed' : 'pending',
      };
    }
    if (!isConfirmed) return { status: 'pending', certificate_pem: null, chain_pem: null };
    const [leaf] = this.#stationCertificate(spki).split(/(?=-----BEGIN)/);
    return {
      status: 'confirmed',
      certificate_pem: leaf,
      chain_pem: toPem('CERTIFICATE', this.#ca) + toPem('CERTIFICATE', this.#root),
    };
  }

  #stationCertificate(key: PublicKey): string {
    const uri = altName.uri(stationUri(this.authority.realm, this.stationId));
    const leaf = this.#leaf(this.stationId, key, oid.clientAuth, [uri]);
    return toPem('CERTIFICATE', leaf) + toPem('CERTIFICATE', this.#ca);
  }

  #leaf(name: string, key: PublicKey, usage: string, names: Uint8Array[]): Uint8Array {
    const extensions = [
      ext.notCa(),
      ext.keyUsage([0]),
      ext.extendedKeyUsage(usage),
      ext.authorityKey(this.#caKey.publicKey),
      ext.altNames(...names),
    ];
    return this.#certify([{ type: 'commonName', value: name }], key, 'Station CA', this.#caKey, extensions);
  }

  #certify(
    subject: string | Name['attributes'],
    key: PublicKey,
    issuer: string,
    signer: KeyPair,
    extensions: Uint8Array[],
  ): Uint8Array {
    const { realm } = this.authority;
    const ca = (name: string) => encodeName(caSubject('Example Works', realm, name));
    return buildCertificate({
      version: derExplicit(0, derInteger(2)),
      serial: derInteger(fromHex(`01${toHex(randomBytes(9))}`)),
      notBefore: derTime('2020-01-01T00:00:00Z'),
      notAfter: derTime('2049-12-31T23:59:59Z'),
      afterExtensions: new Uint8Array(0),
      issuer: ca(issuer),
      subject: typeof subject === 'string' ? ca(subject) : encodeName(subject),
      spki: key.spki,
      extensions: [...extensions, ext.policies(realmPolicyOid(realm))],
      signer,
    });
  }
}

function routeOf(method: string, path: string): [StationRouteName, Record<string, string>] {
  for (const [name, route] of Object.entries(stationRoutes)) {
    const names = [...route.path.matchAll(/:([a-z0-9_]+)/g)].map((match) => match[1]!);
    const pattern = new RegExp(`^${route.path.replaceAll(/:[a-z0-9_]+/g, '([^/]+)')}$`);
    const match = pattern.exec(path);
    if (!match || route.method !== method) continue;
    return [
      name as StationRouteName,
      Object.fromEntries(names.map((key, at) => [key, decodeURIComponent(match[at + 1]!)])),
    ];
  }
  throw new ImprintError('unknown_route', `there is nothing at ${path}`);
}
