/**
 * Requests to the authority over mutual TLS. The server is believed where OpenSSL finds its chain beneath a root that the device
 * holds, for the host that was asked; nothing else is trusted, and no certificate store of the machine.
 */
import { Agent, type RequestOptions, request } from 'node:https';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
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
  /** @throws unavailable where no whole answer came, so that nobody knows whether the request was carried out; not_authenticated where TLS refused */
  ask(question: Question): Promise<Answer>;
  close(): void;
}

/** What the device shows, and whom it believes. */
export interface ConnectionTrust {
  /** DER. */
  anchors: readonly Uint8Array[];
  /** DER of certificate and CAs above it. */
  chain: readonly Uint8Array[];
  key: TlsKey;
}

const pem = (ders: readonly Uint8Array[]) => ders.map((der) => toPem('CERTIFICATE', der)).join('');

/** `url`: the authority's listener for devices. Connections are kept. */
export function connectTo(url: URL, { anchors, chain, key }: ConnectionTrust): Connection {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const options: RequestOptions = {
    ...{ agent, host: url.hostname, port: url.port, minVersion: 'TLSv1.2', timeout: limits.deviceAnswerMs },
    ...{ ca: pem(anchors), cert: pem(chain), ...key },
  };
  return {
    ask: ({ method, path, headers = {}, body }) =>
      new Promise((resolve, reject) => {
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
        asked.on('error', (cause) => reject(unavailable(cause)));
        asked.end(body);
      }),
    close: () => agent.destroy(),
  };
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
