/**
 * The station listener over real TLS: whatever a station with a certificate sends, its handlers get a request of the schema or
 * the station gets a problem document with a closed code, and never a fault. The framing of HTTP is left to Node's client: lengths
 * that lie are held by the listener's own tests.
 */
import assert from 'node:assert/strict';
import {
  agentFor,
  ask,
  openTestListener,
  type TestListener,
} from '@imprint/authority/http/listeners.test-kit';
import { problemType } from '@imprint/authority/http/problem';
import { fillPath } from '@imprint/contract/api/route';
import { type StationRouteName, sessionHeader, stationRoutes } from '@imprint/contract/api/station';
import { type ErrorCode, errorCatalogue, ImprintError, isErrorCode } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Draw, pick } from '../draws.ts';
import { mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import { assertPlain } from '../plain-value.ts';
import { stationSamples } from '../station-samples.ts';
import type { FuzzTarget, Refused } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

const station = 'st-1';
const routeNames = Object.keys(stationRoutes) as StationRouteName[];
/** What a handler of this target answers, and the listener itself never does: the request was let through. */
const letThrough: ErrorCode = 'unknown_job';
/** HEAD, to which no problem document can come, is no route of the listener. */
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** What would make the client wait, or say another length than it sends. */
const framing = /^(content-length|transfer-encoding|connection|keep-alive|expect|upgrade|trailer|te)$/i;

export async function stationApiTarget(): Promise<FuzzTarget> {
  const test = await openTestListener();
  const identity = await test.enrol(station);
  // so many lanes that its pace does not end the run
  test.registered.get(station)!.lanes = 1_000_000;
  for (const name of routeNames) {
    test.answers[name] = () => {
      throw new ImprintError(letThrough, 'The request was let through.');
    };
  }
  const agent = agentFor(test, identity);
  return {
    name: 'station-api',
    form: 'text',
    refusals: [],
    draw: drawRequest,
    judge: async (input) => {
      test.calls.length = 0;
      test.faults.length = 0;
      const request = requestOf(textOf(input));
      if (request === undefined) return 'no HTTP';
      const answer = await ask(test, agent, request).catch(neverSent);
      if (answer === undefined) return 'no HTTP';
      assert.deepEqual(test.faults, [], 'the authority reports a fault of its own');
      assert.equal(answer.type?.split(';')[0], problemType, 'the answer is no problem document');
      const { code = '' } = answer.json;
      assert.ok(isErrorCode(code), `${code} is none of the closed codes`);
      assert.equal(answer.status, errorCatalogue[code], 'the status is not that of the code');
      if (code !== letThrough) return assertRefused(code, test);
      return assertLetThrough(test);
    },
    close: async () => {
      agent.destroy();
      await test.close();
    },
  };
}

function assertRefused(code: ErrorCode, { calls }: TestListener): Refused {
  const status = errorCatalogue[code];
  assert.ok(status >= 400 && status < 500, `it was answered with ${status}`);
  assert.equal(calls.length, 0, 'a handler heard a request that was refused');
  return code;
}

function assertLetThrough({ calls }: TestListener): undefined {
  assert.equal(calls.length, 1, 'one request was handled more than once');
  const { name, request, params } = calls[0]!;
  assertPlain(request);
  const sent = withRequests(request);
  assert.deepEqual(stationRoutes[name].request.parse(sent), sent, 'a request changed when read anew');
  assert.ok(
    Object.values(params).every((param) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(param)),
    'a part of the path is no ID',
  );
  return undefined;
}

/** What a handler was given, with a certification request again where it got the key of one. */
function withRequests(request: unknown): unknown {
  const { key, units, ...rest } = request as { key?: unknown; units?: unknown[] };
  if (units !== undefined) return { ...rest, units: units.map(withRequests) };
  return key === undefined ? request : { ...rest, csr_b64: 'AAAA' };
}

interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** A line with method and path, lines with headers, an empty line, and the body; undefined where Node's client would wait. */
function requestOf(text: string): Request | undefined {
  const end = text.indexOf('\n\n');
  const [start = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\n');
  const [method = '', ...path] = start.split(' ');
  if (!methods.includes(method)) return undefined;
  const headers = lines.map((line) => /^([^:]*): ?(.*)$/s.exec(line)?.slice(1) ?? [line, '']);
  const body = end < 0 ? '' : text.slice(end + 2);
  return {
    method,
    path: path.join(' '),
    headers: Object.fromEntries(headers.filter(([name]) => !framing.test(name!))),
    ...(body === '' ? {} : { body }),
  };
}

/** Node's client refuses names, values and paths that cannot stand in HTTP; any other error is that nobody answered. */
function neverSent(error: NodeJS.ErrnoException): undefined {
  const unsent = ['ERR_UNESCAPED_CHARACTERS', 'ERR_INVALID_CHAR', 'ERR_INVALID_HTTP_TOKEN'];
  if (!unsent.includes(error.code ?? '')) throw error;
}

const id = 'job-1';
const params = { job_id: id, check_id: id, shift_id: id, contract_sha256: 'ab'.repeat(32) };

function drawRequest(draw: Draw): Uint8Array {
  const name = pick(draw, routeNames);
  const { method, path } = stationRoutes[name];
  let head = `${method} ${fillPath(path, params)}\ncontent-type: application/json\n${sessionHeader}: w-1`;
  let body = method === 'GET' ? '' : JSON.stringify(stationSamples[name]);
  if (draw() < 0.2) head = mutateText(draw, head);
  if (draw() < 0.8 && body !== '') body = mutateJson(draw, stationSamples[name]);
  return bytesOf(`${head}\n\n${body}`).slice(0, limits.requestBytes);
}
