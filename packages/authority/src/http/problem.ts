/**
 * The one place where an error becomes an answer over HTTP: a problem document (RFC 9457) with a code of the closed
 * catalogue. It trusts no error to be fit for strangers: what is not ours says `internal` and nothing about itself.
 */
import { type Problem, toProblem } from '@imprint/contract/api/problem';
import { type ErrorCode, ImprintError, isImprintError } from '@imprint/contract/errors';
import type { FastifyReply } from 'fastify';
import { ZodError } from 'zod';

export const problemType = 'application/problem+json';

/** Hears of every error that is a fault of ours, with its cause and stack, for the authority's own log. */
export type FaultReport = (error: unknown, context: { method: string; path: string }) => void;

/** Framework and parser errors by their code, as our own. */
const known: Record<string, () => ImprintError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new ImprintError('request_too_large', 'The body of the request is larger than this listener takes.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ImprintError('bad_request', 'The body of a request is JSON.', {
      hint: 'Send it with the header content-type: application/json.',
    }),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new ImprintError('json_invalid', 'The body of the request is empty.'),
  FST_ERR_CTP_INVALID_JSON_BODY: () =>
    new ImprintError('json_invalid', 'The body of the request is not JSON.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ImprintError('bad_request', 'The content length is not that of the body.'),
  FST_ERR_BAD_URL: () => new ImprintError('bad_request', 'The path of the request is not valid.'),
  HPE_HEADER_OVERFLOW: () =>
    new ImprintError('request_too_large', 'The headers of the request are too large.'),
  ERR_HTTP_REQUEST_TIMEOUT: () =>
    new ImprintError('request_timeout', 'The request did not arrive in time.', {
      hint: 'Check the network between here and the authority, then try again.',
    }),
};

/** The error as one of ours; undefined where it is a fault that strangers learn nothing about. */
export function knownError(error: unknown): ImprintError | undefined {
  if (error instanceof ImprintError) return error;
  if (error instanceof ZodError) {
    const issue = error.issues[0]!;
    return new ImprintError('bad_request', `${issue.path.join('.') || 'the request'}: ${issue.message}`);
  }
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && Object.hasOwn(known, code)) return known[code]!();
  // what else the framework blames on the client has a 4xx status, and a message that is the framework's
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ImprintError('bad_request', 'The request is not valid HTTP for this listener.');
  }
  return undefined;
}

/** The error as strangers hear of it; `report` is called where it is a fault of ours. */
export function problemOf(error: unknown, report: () => void): Problem {
  const problem = toProblem(forStrangers(knownError(error) ?? error));
  if (problem.status >= 500) {
    try {
      report();
    } catch {
      // a report that fails must not become the answer: the framework would send its text
    }
  }
  return problem;
}

/** Where the database is, and what its disk says, is told to those who read this process's own log. */
function forStrangers(error: unknown): unknown {
  if (!isImprintError(error, 'storage_failed')) return error;
  return new ImprintError('storage_failed', 'the authority cannot use its database; its own log says why', {
    hint: 'Try again in a moment; if it stays, call the person who runs the authority.',
  });
}

/** What is wrong with this process or its way to the database, and perhaps with no other. */
export const unfitToWrite: readonly ErrorCode[] = ['storage_failed', 'clock_untrusted', 'log_held'];

export function sendProblem(reply: FastifyReply, error: unknown, report: FaultReport): FastifyReply {
  const { method, url } = reply.request;
  const problem = problemOf(error, () => report(error, { method, path: pathOf(url) }));
  // whoever asks again may be led to another process, which can
  if (unfitToWrite.some((code) => code === problem.code)) reply.header('connection', 'close');
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type(problemType)
    .send(JSON.stringify(problem));
}

/** The whole answer to bytes that are no HTTP request, for a socket that has no reply yet. */
export function rawProblem(error: unknown): string {
  const problem: Problem = toProblem(
    knownError(error) ?? new ImprintError('bad_request', 'This is not HTTP.'),
  );
  const body = JSON.stringify(problem);
  return (
    `HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${problemType}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  );
}

/** The path without its query, which nobody here uses and which may hold anything. */
function pathOf(url: string): string {
  return url.split('?')[0]!.slice(0, 200);
}
