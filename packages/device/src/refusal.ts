/** What the authority refuses, as the device's own error: its code where it is one of the catalogue, and how long to wait. */
import { ImprintError, isErrorCode } from '@imprint/contract/errors';
import { z } from 'zod';
import type { Answer } from './authority-connection.ts';

const problem = z.object({
  code: z.string(),
  title: z.string().max(500).optional(),
  detail: z.string().max(2000).optional(),
});

const leastMs = 1_000;
const mostMs = 24 * 3_600_000;

/** Never throws: what is no problem document is told by its status. `context.retryAfterMs` where the authority said so. */
export function refusalOf({ status, headers, body }: Answer): ImprintError {
  const said = problem.safeParse(parseJson(body));
  const code = said.success && isErrorCode(said.data.code) ? said.data.code : codeOf(status);
  const what = said.success ? (said.data.detail ?? said.data.title) : undefined;
  const wait = headers['retry-after'] === undefined ? {} : { retryAfterMs: retryAfterMs(headers) };
  return new ImprintError(code, what ?? `the authority answered with status ${status}`, {
    context: { status, ...wait },
  });
}

/** Seconds or a date (RFC 9110 section 10.2.3), held between a second and a day; a minute where it says nothing. */
export function retryAfterMs(headers: Answer['headers'], now = Date.now): number {
  const text = headers['retry-after'] ?? '';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now();
  return Math.min(Math.max(Number.isNaN(ms) ? 60_000 : ms, leastMs), mostMs);
}

function codeOf(
  status: number,
): 'rate_limited' | 'unavailable' | 'not_authenticated' | 'not_authorized' | 'bad_request' {
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'unavailable';
  if (status === 401) return 'not_authenticated';
  return status === 403 ? 'not_authorized' : 'bad_request';
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
