/** Reads what came back for a request, whatever carried it. It trusts nothing in it: an answer fits its schema, or is none. */
import { fromProblem, problem } from '@imprint/contract/api/problem';
import type { Route } from '@imprint/contract/api/route';
import { type StationResponse, type StationRouteName, stationRoutes } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import type { z } from 'zod';

/** An HTTP status, and a body that its carrier capped. */
export interface Answer {
  status: number;
  text: string;
}

/**
 * @throws the authority's own refusal; `unavailable` for what is no answer of an authority; bad_request for one of another
 * version
 */
export function readAnswer<N extends StationRouteName>(
  name: N,
  { status, text }: Answer,
): StationResponse<N> {
  const route: Route<z.ZodType, z.ZodType> = stationRoutes[name];
  const body = readJson(text, status);
  if (status !== 200) throw refusalOf(body, status);
  const answer = route.response.safeParse(body);
  if (answer.success) return answer.data as StationResponse<N>;
  const issue = answer.error.issues[0]!;
  throw new ImprintError(
    'bad_request',
    `the authority's answer to ${name} is not of this API: ${issue.path.join('.') || 'the answer'}: ${issue.message}`,
    { hint: 'Update this station, or the authority: they do not speak the same version.' },
  );
}

function readJson(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ImprintError('unavailable', `something answered with status ${status} and no JSON`, {
      hint: 'Check that the address in station.json is the authority and not a proxy.',
    });
  }
}

function refusalOf(body: unknown, status: number): ImprintError {
  const document = problem.safeParse(body);
  if (document.success) return fromProblem(document.data);
  return new ImprintError('unavailable', `the authority answered with status ${status} and no reason`);
}
