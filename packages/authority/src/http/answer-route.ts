/**
 * The edge of the station API, whatever carries it: path and body are read by their schemas before anything is decided, and
 * an answer leaves only as its schema says. It trusts nothing of a request but who the caller is.
 */
import { type StationRouteName, stationRoutes } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { readRequest } from './read-request.ts';
import type { StationHandlers } from './station-handlers.ts';

/** Who is behind a request, as the connection proved it; nobody where it proved nothing. */
export type Caller = { stationId: string; sessionId?: string } | undefined;

const word = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function isWord(text: string): boolean {
  return word.test(text);
}

/** @throws bad_request, a ZodError for a body that is not of the route, `internal` for an answer that is not, and what the handler refuses */
export async function answerRoute(
  handlers: StationHandlers,
  name: StationRouteName,
  caller: Caller,
  params: Record<string, string>,
  body: unknown,
): Promise<unknown> {
  const route = stationRoutes[name];
  // the map's types hold for each route; over a name that is any of them they cannot be written down
  const handle = handlers[name] as (body: unknown, caller: Caller, params: unknown) => Promise<unknown>;
  if (!Object.values(params).every(isWord)) {
    throw new ImprintError('bad_request', 'A part of the path is no ID.');
  }
  const answer = route.response.safeParse(await handle(readRequest(name, body), caller, params));
  if (answer.success) return answer.data;
  throw new ImprintError('internal', `The answer of ${name} is not as its schema says.`, {
    context: { route: name, path: answer.error.issues[0]?.path.join('.') },
  });
}
