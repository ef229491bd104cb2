/**
 * Sends requests whose ID is on the disk before the first byte leaves, so that a retry after a kill or a power cut is the
 * same request and not a second one (I-22, I-29).
 */
import { type StationRequest, type StationResponse, stationRoutes } from '@imprint/contract/api/station';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { isImprintError } from '@imprint/contract/errors';
import type { AuthorityClient, NumberedRoute, Unnumbered } from './authority-client.ts';
import { isJournalFailure, type Journal } from './journal.ts';

/** What a report is lost for no unit's sake: sent again after a restart, until it is answered. */
const reports: ReadonlySet<NumberedRoute> = new Set([
  'endAttempt',
  'quarantineJob',
  'closeShift',
  'reportOperation',
]);

export interface Delivery {
  delivered: number;
  /** Still without an answer. */
  waiting: number;
  /** Answered with a refusal, which is final. */
  refused: string[];
}

export class Outbox {
  readonly #authority: AuthorityClient;
  readonly #journal: Journal;
  readonly #newRequestId: () => string;

  /** `newRequestId` gives 32 hex digits that nobody else gives: `request-id.ts`. */
  constructor(authority: AuthorityClient, journal: Journal, newRequestId: () => string) {
    this.#authority = authority;
    this.#journal = journal;
    this.#newRequestId = newRequestId;
  }

  /** @throws ImprintError as {@link AuthorityClient.call}; storage_failed before anything was sent */
  async send<N extends NumberedRoute>(
    route: N,
    params: Record<string, string>,
    body: Unnumbered<N>,
  ): Promise<StationResponse<N>> {
    const paramsText = canonicalJson(params);
    const bodyText = canonicalJson(body);
    let requestId = this.#journal.unansweredRequest(route, paramsText, bodyText);
    if (requestId === null) {
      requestId = this.#newRequestId();
      const request = { request_id: requestId, route, params: paramsText, body: bodyText };
      this.#journal.recordRequest(request, reports.has(route));
    }
    return this.#deliver(route, params, body, requestId);
  }

  /** Sends the reports that an earlier run could not. Never throws for the network's sake. */
  async deliverWaiting(): Promise<Delivery> {
    const delivery: Delivery = { delivered: 0, waiting: 0, refused: [] };
    for (const { request_id, route, params, body } of this.#journal.undelivered()) {
      try {
        if (!isNumbered(route)) continue;
        await this.#deliver(route, JSON.parse(params), JSON.parse(body), request_id);
        delivery.delivered++;
      } catch (error) {
        if (!isImprintError(error) || isJournalFailure(error)) throw error;
        if (isUnanswered(error)) delivery.waiting++;
        else delivery.refused.push(`${route}: ${error.message}`);
      }
    }
    return delivery;
  }

  async #deliver<N extends NumberedRoute>(
    route: N,
    params: Record<string, string>,
    body: Unnumbered<N>,
    requestId: string,
  ): Promise<StationResponse<N>> {
    try {
      const request = { ...body, request_id: requestId } as unknown as StationRequest<N>;
      const answer = await this.#authority.call(route, params, request);
      this.#journal.recordAnswer(requestId, null);
      return answer;
    } catch (error) {
      if (isImprintError(error) && !isUnanswered(error)) this.#journal.recordAnswer(requestId, error.code);
      throw error;
    }
  }
}

/** Whether nobody knows if the request was carried out, or nobody can now; everything else is the authority's answer. */
export function isUnanswered(error: unknown): boolean {
  return isImprintError(
    error,
    'unavailable',
    'rate_limited',
    'request_timeout',
    'storage_failed',
    'clock_untrusted',
    'log_held',
    'internal',
  );
}

function isNumbered(route: string): route is NumberedRoute {
  return Object.hasOwn(stationRoutes, route);
}
