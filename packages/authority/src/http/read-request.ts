/** A body of the station API becomes what its route's function is given. Nothing behind this sees foreign bytes unread. */
import { type StationRequest, type StationRouteName, stationRoutes } from '@imprint/contract/api/station';
import { presentedKey } from '../jobs/presented-key.ts';
import type { ReadRequest } from './station-handlers.ts';

/** @throws ZodError for a body that is not of the route */
export function readRequest<N extends StationRouteName>(name: N, body: unknown): ReadRequest<N> {
  const request = stationRoutes[name].request.parse(body);
  // each branch makes what the type says of its route
  return read(name, request as never) as ReadRequest<N>;
}

function read(name: StationRouteName, request: StationRequest<'issueCredential' | 'issueCredentials'>) {
  if (name === 'issueCredential') return withKey(request as StationRequest<'issueCredential'>);
  if (name !== 'issueCredentials') return request;
  const { units } = request as StationRequest<'issueCredentials'>;
  return { units: units.map(withKey) };
}

function withKey<Unit extends { csr_b64: string }>({ csr_b64, ...unit }: Unit) {
  return { ...unit, key: presentedKey(csr_b64) };
}
