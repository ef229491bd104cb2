/** What stands behind the station listener: one function a route, typed by the API. It knows no HTTP. */
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import type { PresentedKey } from '../jobs/presented-key.ts';

/** An enrolled station that was authenticated for this very request; its ID comes from its certificate, never from a body. */
export interface AuthenticatedStation {
  stationId: string;
}

/** One that also names its session; whether that is the live one is decided with the request. */
export interface StationInSession extends AuthenticatedStation {
  sessionId: string;
}

/** Routes that a newcomer without a certificate may reach. */
export const enrolmentRoutes = ['requestEnrolment', 'collectEnrolment'] as const;
export type EnrolmentRouteName = (typeof enrolmentRoutes)[number];

/** Who is behind a request, by route: nobody known, a station, or a station in a session. */
export type CallerOf<N extends StationRouteName> = N extends EnrolmentRouteName
  ? undefined
  : N extends 'openSession'
    ? AuthenticatedStation
    : StationInSession;

type WithKey<Unit> = Omit<Unit, 'csr_b64'> & { key: PresentedKey };

/** What a route's function is given: the request as its schema says, with a key where a certification request stood. */
export type ReadRequest<N extends StationRouteName> = N extends 'issueCredential'
  ? WithKey<StationRequest<N>>
  : N extends 'issueCredentials'
    ? { units: WithKey<StationRequest<'issueCredentials'>['units'][number]>[] }
    : StationRequest<N>;

export type StationHandlers = {
  [N in StationRouteName]: (
    request: ReadRequest<N>,
    caller: CallerOf<N>,
    params: Record<string, string>,
  ) => Promise<StationResponse<N>>;
};
