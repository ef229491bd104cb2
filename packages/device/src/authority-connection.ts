/**
 * Requests to the authority over mutual TLS. TLS proves that the server has the key of its certificate; whether that certificate is
 * believed, the strict verifier says, beneath a root that the device holds and at the time that it believes, before the first byte of a
 * request is sent. No certificate store of the machine and no clock of the machine has a word in it.
 */
import { Agent, type RequestOptions, request } from 'node:https';
import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  type DetailedPeerCertificate,
  type TLSSocket,
} from 'node:tls';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { VerifiedLeaf } from '@imprint/contract/x509/leaf';
import { toPem } from '@imprint/contract/x509/pem';
import type { Realm } from '@imprint/contract/x509/realm';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import type { BelievedTime, Life } from './believed-time.ts';
import type { TlsKey } from './key-slot.ts';

export interface Answer {
  status: number;
  /** By lower-case name. */
  headers: Record<string, string | undefined>;
  body: Uint8Array;
}

export interface Question {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}

export interface Connection {
  /**
   * @throws unavailable where no whole answer came, so that nobody knows whether the request was carried out; certificate_refused where
   * the server is not the authority of this realm: then nothing was sent
   */
  ask(question: Question): Promise<Answer>;
  /** The life of the server's certificate; undefined before the first answer. */
  serverLife(): Life | undefined;
  close(): void;
}

/** What the device shows, and whom it believes. */
export interface ConnectionTrust {
  realm: Realm;
  /** DER. */
  anchors: readonly Uint8Array[];
  /** DER of certificate and CAs above it. */
  chain: readonly Uint8Array[];
  key: TlsKey;
  time: BelievedTime;
}

const pem = (ders: readonly Uint8Array[]) => ders.map((der) => toPem('CERTIFICATE', der)).join('');

/** `url`: the authority's listener for devices. One connection, which is kept. */
export function connectTo(url: URL, trust: ConnectionTrust): Connection {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  let life: Life | undefined;
  const tls: ConnectionOptions = {
    ...{ host, port: Number(url.port || 443), minVersion: 'TLSv1.2', cert: pem(trust.chain), ...trust.key },
    ...(isIP(host) ? {} : { servername: host }),
    // the strict verifier judges, at the device's own time
    rejectUnauthorized: false,
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
  agent.createConnection = (_, given) => {
    const socket = connectTls(tls);
    const done = (error: Error | null) => given?.(error, socket as never);
    socket.once('error', done);
    socket.once('secureConnect', () => {
      try {
        life = judgeServer(socket, host, trust);
        done(null);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    return undefined as never;
  };
  const options: RequestOptions = { agent, host, port: url.port, timeout: limits.deviceAnswerMs };
  return {
    ask: (question) => ask(options, question),
    serverLife: () => life,
    close: () => agent.destroy(),
  };
}

function ask(options: RequestOptions, { method, path, headers = {}, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { ...options, method, path, headers: { ...headers, ...lengthOf(body) } },
      (answer) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > limits.deviceAnswerBytes)
            asked.destroy(new Error('the answer is longer than any of the authority’s'));
          else parts.push(part);
        });
        answer.on('error', (cause) => reject(unavailable(cause)));
        answer.on('end', () => {
          const named = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
          resolve({
            status: answer.statusCode!,
            headers: Object.fromEntries(named),
            body: Buffer.concat(parts),
          });
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${limits.deviceAnswerMs} ms`)));
    asked.on('error', (cause) => reject(isImprintError(cause) ? cause : unavailable(cause)));
    asked.end(body);
  });
}

/**
 * The life of the server's certificate, once the strict verifier has taken its chain for this host and realm.
 * @throws certificate_refused
 */
function judgeServer(socket: TLSSocket, host: string, trust: ConnectionTrust): Life {
  const chain = shownBy(socket);
  let refused: unknown;
  for (const root of trust.anchors) {
    try {
      const { certificate, dnsNames, ipAddresses } = believed(chain, root, trust);
      if ([...dnsNames, ...ipAddresses].includes(host)) return certificate;
      throw new ImprintError('certificate_refused', `The server’s certificate is not for ${host}.`, {
        hint: 'Check the address of the authority, and the hosts in its configuration.',
      });
    } catch (error) {
      if (!isImprintError(error, 'certificate_refused')) throw error;
      refused = error;
    }
  }
  throw refused;
}

/**
 * The leaf, which is valid now as the device believes it, or else at a moment of its own life that is not past belief: the device's clock
 * may be wrong, and is put right by what this server says.
 */
function believed(
  chain: readonly Uint8Array[],
  root: Uint8Array,
  { realm, time }: ConnectionTrust,
): VerifiedLeaf {
  const judge = (at: Date) => verifyChain({ chain, root, at, realm, purpose: 'device-server' });
  try {
    return judge(time.now());
  } catch (error) {
    if (!isImprintError(error) || !['not_yet_valid', 'expired'].includes(String(error.context.reason)))
      throw error;
    const moment = time.momentWithin(parseCertificate(chain[0]!));
    if (moment === undefined) throw error;
    return judge(moment);
  }
}

/** DER of the certificates that the server has shown, its own first, without a root. */
function shownBy(socket: TLSSocket): Uint8Array[] {
  const shown: Uint8Array[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && shown.length < limits.chainCertificates) {
    shown.push(Uint8Array.from(next.raw));
    const above: DetailedPeerCertificate | undefined = next.issuerCertificate;
    next = above === next ? undefined : above;
  }
  return shown;
}

function lengthOf(body: Question['body']): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

function unavailable(cause: Error): ImprintError {
  const { code } = cause as NodeJS.ErrnoException;
  return new ImprintError('unavailable', `the authority gave no answer: ${cause.message}`, {
    hint: 'Ask again later.',
    context: code === undefined ? {} : { reason: code },
    cause,
  });
}
