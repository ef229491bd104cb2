/** The port to the authority: one verb, typed by the station API. */
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';

export interface AuthorityClient {
  /**
   * One request, answered or refused. `params` fill the path. Sending the same request again (same `request_id`, same
   * body) is always safe and gets the same answer.
   * @throws ImprintError with the authority's own code; `unavailable` where no answer came, so that nobody knows whether
   * the request was carried out
   */
  call<N extends StationRouteName>(
    route: N,
    params: Record<string, string>,
    request: StationRequest<N>,
  ): Promise<StationResponse<N>>;
}

/** Every request that changes something carries its ID; the journal gives it, so callers write the rest. */
export type Unnumbered<N extends StationRouteName> = Omit<StationRequest<N>, 'request_id'>;
export type NumberedRoute = {
  [N in StationRouteName]: StationRequest<N> extends { request_id: string } ? N : never;
}[StationRouteName];
