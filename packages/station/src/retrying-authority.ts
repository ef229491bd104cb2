/**
 * Asks again where no answer came, with the very same request, until a bounded time is over. The one retry loop towards
 * the authority: what is refused is never asked again, and what one process cannot do only a few times.
 */
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import { isImprintError } from '@imprint/contract/errors';
import type { AuthorityClient } from './authority-client.ts';
import { sleep, type Timers } from './timers.ts';

export interface RetryOptions {
  /** How long one request is tried; a unit waits in its fixture meanwhile. */
  patienceMs?: number;
  firstPauseMs?: number;
  maxPauseMs?: number;
}

export class RetryingAuthority implements AuthorityClient {
  readonly #inner: AuthorityClient;
  readonly #timers: Timers;
  readonly #options: Required<RetryOptions>;

  constructor(inner: AuthorityClient, timers: Timers, options: RetryOptions = {}) {
    this.#inner = inner;
    this.#timers = timers;
    this.#options = { patienceMs: 30_000, firstPauseMs: 100, maxPauseMs: 3_000, ...options };
  }

  async call<N extends StationRouteName>(
    route: N,
    params: Record<string, string>,
    request: StationRequest<N>,
  ): Promise<StationResponse<N>> {
    const untilMs = this.#timers.nowMs() + this.#options.patienceMs;
    let pauseMs = this.#options.firstPauseMs;
    let unfit = 0;
    for (;;) {
      try {
        return await this.#inner.call(route, params, request);
      } catch (error) {
        const asksAgain = mayPass(error) || (isUnfit(error) && unfit++ < mostUnfit);
        if (!asksAgain || this.#timers.nowMs() + pauseMs > untilMs) throw error;
        await sleep(this.#timers, pauseMs);
        pauseMs = Math.min(pauseMs * 2, this.#options.maxPauseMs);
      }
    }
  }
}

/** No answer, or one that asks for time. Everything else is an answer. */
function mayPass(error: unknown): boolean {
  return isImprintError(error, 'unavailable', 'rate_limited', 'request_timeout');
}

/** How many processes of an authority may say so, one after another, before it is taken for the whole authority's answer. */
const mostUnfit = 3;

/** This process cannot write now. It has closed the connection: who asks again may be led to another one. */
function isUnfit(error: unknown): boolean {
  return isImprintError(error, 'storage_failed', 'clock_untrusted', 'log_held');
}
