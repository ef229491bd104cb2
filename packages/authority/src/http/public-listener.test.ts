import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { parseTilePath } from '@imprint/contract/audit/tile';
import type { FastifyInstance } from 'fastify';
import { createPublicListener } from './public-listener.ts';

const tile = Buffer.alloc(8192, 7);
const faults: unknown[] = [];
let checkpoint: () => Promise<string>;
let bundle: string | undefined;
let listener: FastifyInstance;
let port: number;

before(async () => {
  listener = createPublicListener({
    hosts: ['log.example.com'],
    rootPem: 'ROOT',
    issuingPem: async () => 'ISSUING',
    bundle: async () => bundle,
    checkpoint: () => checkpoint(),
    hashTile: async (path) => {
      const { level, n, width } = parseTilePath(path);
      assert.notEqual(level, 'entries');
      return level === 0 && n === 1067 ? tile.subarray(0, width * 32) : undefined;
    },
    report: (error) => faults.push(error),
  });
  await listener.listen({ host: '127.0.0.1', port: 0 });
  port = (listener.server.address() as AddressInfo).port;
});
after(() => listener.close());

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  code: string | undefined;
}

function ask(
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { host: '127.0.0.1', port, path, method, headers, agent: false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const whole = Buffer.concat(chunks);
          const isProblem = incoming.headers['content-type']?.includes('problem+json');
          const code = isProblem ? JSON.parse(whole.toString()).code : undefined;
          resolve({ status: incoming.statusCode!, headers: incoming.headers, body: whole, code });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('public listener', () => {
  test('serves the CA certificates', async () => {
    assert.equal((await ask('/ca/root.pem')).body.toString(), 'ROOT');
    const issuing = await ask('/ca/issuing.pem');
    assert.equal(issuing.body.toString(), 'ISSUING');
    assert.equal(issuing.headers['content-type'], 'application/pem-certificate-chain');
  });

  test('serves the newest bundle of trust anchors, once there is one', async () => {
    assert.equal((await ask('/ca/bundle')).code, 'unknown_route');
    bundle = '{"version":1}\n';
    const answer = await ask('/ca/bundle');
    assert.deepEqual([answer.body.toString(), answer.headers['cache-control']], [bundle, 'no-cache']);
  });

  test('serves the newest checkpoint, which no cache may keep unasked', async () => {
    for (const text of ['first\n', 'second\n']) {
      checkpoint = async () => text;
      const answer = await ask('/checkpoint');
      assert.equal(answer.body.toString(), text);
      assert.equal(answer.headers['cache-control'], 'no-cache');
      assert.match(answer.headers['content-type']!, /^text\/plain/);
    }
  });

  test('serves full and partial hash tiles, which never change', async () => {
    const full = await ask('/tile/0/x001/067');
    assert.equal(full.status, 200);
    assert.ok(full.body.equals(tile));
    assert.match(full.headers['cache-control']!, /immutable/);
    assert.equal(full.headers['content-type'], 'application/octet-stream');
    assert.equal((await ask('/tile/0/x001/067.p/12')).body.length, 12 * 32);
  });

  test('a tile that the log has not grown to is 404, and no cache keeps that', async () => {
    const answer = await ask('/tile/0/x009/067');
    assert.deepEqual([answer.status, answer.code], [404, 'unknown_route']);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  test('refuses entry bundles to everybody, with a sentence', async () => {
    for (const path of [
      '/tile/entries/000',
      '/tile/entries/x001/067.p/3',
      '/tile/entries',
      '/tile/entriesx',
    ]) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, answer.code], [403, 'not_authorized']);
      assert.match(answer.body.toString(), /Entry bundles are for auditors/);
    }
  });

  test('refuses every other spelling of a tile path', async () => {
    for (const path of [
      '/tile/%65ntries/000',
      '/tile/0/../entries/000',
      '/tile//entries/000',
      '/tile/0/x000/067',
      '/tile/64/000',
      '/tile/0/67',
      '/tile/0/067.p/0',
      '/tile/0/067.p/256',
      '/tile/0/x001%2f067',
      '/tile/0/x001/067/',
      `/tile/0/${'x001/'.repeat(100)}067`,
    ]) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, answer.code], [400, 'bad_request'], path);
    }
  });

  test('nothing else is there, and nothing but GET', async () => {
    for (const path of ['/', '/ca', '/ca/', '/ca/issuing.pem/', '/keys', '/../etc/passwd', '/checkpoint/x']) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, answer.code], [404, 'unknown_route'], path);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND']) {
      const { status, code } = await ask('/checkpoint', method);
      assert.ok(status === 404 && code === 'unknown_route', `${method} ${status} ${code}`);
    }
    const { status, code } = await ask('/checkpoint', 'POST', { 'content-type': 'application/json' }, '{}');
    // a body is refused before it is read
    assert.deepEqual([status, code], [413, 'request_too_large']);
  });

  test('refuses a query, a foreign host and a compressed body', async () => {
    assert.equal((await ask('/checkpoint?x=1')).code, 'bad_request');
    assert.equal((await ask('/checkpoint', 'GET', { host: 'evil.example.com' })).code, 'bad_request');
    assert.equal((await ask('/checkpoint', 'GET', { host: 'log.example.com:80' })).status, 200);
    assert.equal((await ask('/checkpoint', 'GET', { 'content-encoding': 'gzip' })).code, 'bad_request');
  });

  test('a log that cannot be read is a plain 500, reported inside', async () => {
    checkpoint = () => Promise.reject(new Error('/var/lib/secret.db is broken'));
    const answer = await ask('/checkpoint');
    assert.deepEqual([answer.status, answer.code], [500, 'internal']);
    assert.doesNotMatch(answer.body.toString(), /secret/);
    assert.equal(faults.length, 1);
  });

  test('bytes that are no HTTP get one answer and an end', async () => {
    for (const bytes of [
      '\x16\x03\x01\x00\x05hello',
      'GET /checkpoint HTTP/9.9\r\n\r\n',
      'GET http://a b\r\n\r\n',
    ]) {
      const answer = await new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('data', (chunk) => {
          text += chunk;
        });
        socket.on('error', reject);
        socket.on('close', () => resolve(text));
      });
      assert.match(answer, /^HTTP\/1\.1 400 bad request\r\n/);
    }
  });
});
