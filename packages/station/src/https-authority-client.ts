/**
 * The authority over mutual TLS: its certificate must be signed under the pinned root, its answers fit the schema and a cap
 * on bytes. One attempt for one call; whoever wants more wraps it. It trusts the network with nothing.
 */
import { fillPath, type Route } from '@imprint/contract/api/route';
import {
  type StationRequest,
  type StationResponse,
  type StationRouteName,
  sessionHeader,
  stationRoutes,
} from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { Agent, type Dispatcher } from 'undici';
import type { z } from 'zod';
import type { AuthorityClient } from './authority-client.ts';
import { type Answer, readAnswer } from './read-answer.ts';

export interface HttpsAuthorityOptions {
  /** `https://host:port` of the station listener. */
  url: string;
  /** PEM of the one certificate under which the authority's must stand. */
  authorityCaPem: string;
  /** Absent while a newcomer enrols. */
  identity?: { certificatePem: string; keyPem: string };
}

/** An answer may carry a receipt, or a contract and a manifest; twice the largest of them. */
const answerBytes = 2 * limits.receiptBytes;
const answerTimeoutMs = 20_000;
const connectTimeoutMs = 10_000;
const keptMs = 60_000;
const connections = 8;

export class HttpsAuthorityClient implements AuthorityClient {
  readonly #url: string;
  readonly #agent: Agent;
  #sessionId: string | undefined;

  constructor({ url, authorityCaPem, identity }: HttpsAuthorityOptions) {
    this.#url = url.replace(/\/$/, '');
    this.#agent = new Agent({
      connections,
      keepAliveTimeout: keptMs,
      connect: {
        ca: authorityCaPem,
        allowPartialTrustChain: true,
        minVersion: 'TLSv1.3',
        timeout: connectTimeoutMs,
        ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem }),
      },
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
      maxResponseSize: answerBytes,
    });
  }

  async call<N extends StationRouteName>(
    name: N,
    params: Record<string, string>,
    request: StationRequest<N>,
  ): Promise<StationResponse<N>> {
    const route: Route<z.ZodType, z.ZodType> = stationRoutes[name];
    const answer = readAnswer(name, await this.#ask(route, fillPath(route.path, params), request));
    if (name === 'openSession') this.#sessionId = (answer as StationResponse<'openSession'>).session_id;
    return answer;
  }

  /** Lets the kept connections go. */
  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #ask(route: Route<z.ZodType, z.ZodType>, path: string, request: unknown): Promise<Answer> {
    const isPost = route.method === 'POST';
    try {
      const { statusCode, body } = await this.#agent.request({
        origin: this.#url,
        path,
        method: route.method as Dispatcher.HttpMethod,
        headers: {
          accept: 'application/json',
          ...(isPost && { 'content-type': 'application/json' }),
          ...(this.#sessionId !== undefined && { [sessionHeader]: this.#sessionId }),
        },
        ...(isPost && { body: JSON.stringify(request) }),
      });
      return { status: statusCode, text: await body.text() };
    } catch (cause) {
      throw unreachable(this.#url, cause);
    }
  }
}

/** TLS failures are told apart in words: an operator can mend a cable, and must call somebody for a wrong certificate. */
function unreachable(url: string, cause: unknown): ImprintError {
  const error = cause as { code?: unknown; message?: unknown };
  const code = typeof error.code === 'string' ? error.code : '';
  const isTrust = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code);
  return new ImprintError(
    'unavailable',
    isTrust
      ? `what answers at ${url} is not the authority that this station knows (${code})`
      : `no answer from the authority at ${url} (${code || String(error.message ?? cause)})`,
    {
      hint: isTrust
        ? 'Stop. Call the person who runs the authority: its certificate changed, or somebody stands between.'
        : 'Check the network cable and that the authority is running.',
      cause,
    },
  );
}
