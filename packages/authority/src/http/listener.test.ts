/** What every listener does with bytes that no client of ours sends: one answer that says which, and few bytes taken. */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { FastifyInstance } from 'fastify';
import { createListener } from './listener.ts';

/** What is under way between the refusal and the end of the connection; none of it is kept. */
const slackBytes = 4 * 1024 * 1024;
const requestTimeoutMs = 500;

const host = 'Host: 127.0.0.1\r\n';
const json = `${host}Content-Type: application/json\r\n`;
const chunked = 'Transfer-Encoding: chunked\r\n';

const faults: unknown[] = [];
const taken: Socket[] = [];
let listener: FastifyInstance;
let port: number;

before(async () => {
  listener = createListener({ hosts: [], report: (error) => faults.push(error), requestTimeoutMs });
  listener.post('/x', async () => ({}));
  listener.get('/g', async () => ({}));
  for (const code of ['storage_failed', 'clock_untrusted', 'unavailable'] as const) {
    listener.get(`/${code}`, async () => {
      throw new ImprintError(code, 'database secret-name at 192.0.2.7:5432', { hint: 'look at 192.0.2.7' });
    });
  }
  listener.get('/short', async () => 'x'.repeat(limits.keptAnswerBytes));
  listener.get('/long', async () => 'x'.repeat(limits.keptAnswerBytes + 1));
  listener.server.on('connection', (socket) => taken.push(socket));
  await listener.listen({ host: '127.0.0.1', port: 0 });
  port = (listener.server.address() as AddressInfo).port;
});
after(() => listener.close());

/** Sends bytes, then `more` as often as they are taken, until the listener ends the connection; gives what it answered. */
function speak(bytes: string, more?: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const pump = () => {
      while (more !== undefined && socket.writable && socket.write(more));
    };
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    // a reset, where we still send
    socket.on('error', () => undefined);
    socket.on('drain', pump);
    socket.on('connect', pump);
    socket.on('close', () => resolve(answer));
  });
}

const post = (headers: string, body = '') => `POST /x HTTP/1.1\r\nConnection: close\r\n${headers}\r\n${body}`;
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
const codeOf = (answer: string) => /"code":"([a-z_]+)"/.exec(answer)?.[1];

describe('a listener', () => {
  it('takes a request that is as it should be, whole or in chunks', async () => {
    assert.equal(statusOf(await speak(post(`${json}Content-Length: 2\r\n`, '{}'))), 200);
    assert.equal(statusOf(await speak(post(json + chunked, '2\r\n{}\r\n0\r\n\r\n'))), 200);
  });

  it('keeps a connection on which everything was read, after a refusal too', async () => {
    const two = post(`${json}Content-Length: 2\r\n`, '{}').replace('Connection: close\r\n', '');
    const spoilt = two.replace('127.0.0.1', 'evil.example.com');
    const answer = await speak(spoilt + two + post(`${json}Content-Length: 2\r\n`, '{}'));
    assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 400', 'HTTP/1.1 200', 'HTTP/1.1 200']);
  });

  const ambiguous: Record<string, string> = {
    'two Host headers': post(`${json}Host: evil.example.com\r\nContent-Length: 2\r\n`, '{}'),
    'the same Host twice': post(`${json}${host}Content-Length: 2\r\n`, '{}'),
    'no Host': post('Content-Length: 2\r\n', '{}'),
    'a Host with a user': post('Host: 127.0.0.1@evil\r\nContent-Length: 2\r\n', '{}'),
    'a foreign host in its target': post(json).replace('/x', 'http://evil.example.com/x'),
    'our host in its target': post(json).replace('/x', 'http://127.0.0.1/x'),
    'two lengths': post(`${json}Content-Length: 2\r\nContent-Length: 3\r\n`, '{}'),
    'a length and chunks': post(`${json}Content-Length: 2\r\n${chunked}`, '2\r\n{}\r\n0\r\n\r\n'),
    'a negative length': post(`${json}Content-Length: -2\r\n`, '{}'),
    'a length in hex': post(`${json}Content-Length: 0x2\r\n`, '{}'),
    'chunks inside gzip': post(`${json}Transfer-Encoding: gzip, chunked\r\n`, '2\r\n{}\r\n0\r\n\r\n'),
    'an unknown coding': post(`${json}Transfer-Encoding: xchunked\r\n`, '2\r\n{}\r\n0\r\n\r\n'),
    'a chunk of more bytes than there are': post(json + chunked, 'ffffffffffffffffff\r\n'),
    'a blank before a colon': post(`${json}X-A : b\r\n`),
    'a folded header': post(`${json}X-A: b\r\n c\r\n`),
    'a NUL in a header': post(`${json}X-A: b\0c\r\n`),
    'a bare carriage return': post(`${json}X-A: b\rX-B: c\r\n`),
    'bare line feeds': post(json).replaceAll('\r\n', '\n'),
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'an asterisk for a path': `OPTIONS * HTTP/1.1\r\nConnection: close\r\n${host}\r\n`,
  };
  for (const [what, bytes] of Object.entries(ambiguous)) {
    it(`refuses a request with ${what}`, async () => {
      const answer = await speak(bytes);
      assert.deepEqual([statusOf(answer), codeOf(answer) ?? 'bad_request'], [400, 'bad_request']);
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1);
    });
  }

  it('takes no more bytes of a body without end than the cap, whatever it answers and however many send', async () => {
    const before = taken.length;
    const piece = Buffer.from(`10000\r\n${' '.repeat(0x10000)}\r\n`);
    const kept = post(json + chunked).replace('Connection: close\r\n', '');
    const requests: [string, number][] = [
      ...Array.from({ length: 20 }, (): [string, number] => [kept, 413]),
      [kept.replace('/x', '/nothing'), 413],
      [kept.replace('127.0.0.1', 'evil.example.com'), 400],
      [kept.replace('application/json', 'text/plain'), 400],
      [kept.replace('POST /x', 'GET /g'), 200],
    ];
    const answers = await Promise.all(requests.map(([bytes]) => speak(bytes, piece)));
    for (const [at, answer] of answers.entries()) {
      // whoever still sends when the connection ends may lose the answer to a reset
      if (answer !== '') assert.equal(statusOf(answer), requests[at]![1], answer);
    }
    for (const { bytesRead } of taken.slice(before)) {
      assert.ok(bytesRead <= limits.requestBytes + slackBytes, `${bytesRead} bytes were taken`);
    }
  });

  it('refuses a compressed bomb, and a length over the cap, before it reads them', async () => {
    const before = taken.length;
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    assert.ok(bomb.length < limits.requestBytes);
    const headers = `${json}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n`;
    assert.equal(codeOf(await speak(post(headers) + bomb.toString('latin1').slice(0, 1000))), 'bad_request');
    const tooLong = await speak(post(`${json}Content-Length: ${limits.requestBytes + 1}\r\n`));
    assert.deepEqual([statusOf(tooLong), codeOf(tooLong)], [413, 'request_too_large']);
    for (const { bytesRead } of taken.slice(before)) assert.ok(bytesRead < 4_096);
  });

  it('ends a request whose headers, or whose body, come too slowly', async () => {
    for (const bytes of ['POST /x HTTP/1.1\r\nHost: 127', post(`${json}Content-Length: 20\r\n`, '{"a"')]) {
      const answer = await speak(bytes);
      assert.deepEqual([statusOf(answer), codeOf(answer)], [408, 'request_timeout']);
    }
  });

  it('saw no fault of its own in any of this', () => assert.deepEqual(faults, []));

  it('closes the connection after an answer that may still wait to be written when the next request comes', async () => {
    const get = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\n`;
    assert.match(await speak(get('/long')), /\r\nconnection: close\r\n/i);
    const answers = await speak(get('/short') + get('/long'));
    assert.equal(answers.match(/HTTP\/1\.1 200/g)?.length, 2);
    assert.equal(answers.match(/\r\nconnection: close\r\n/gi)?.length, 1);
  });

  it('closes the connection where this process cannot write, so that whoever asks again may be led to another', async () => {
    const get = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\n`;
    for (const code of ['storage_failed', 'clock_untrusted']) {
      const answer = await speak(get(`/${code}`));
      assert.deepEqual([statusOf(answer), codeOf(answer)], [503, code]);
      assert.match(answer, /\r\nconnection: close\r\n/i);
    }
    const answers = await speak(get('/unavailable') + get('/long'));
    assert.equal(answers.match(/HTTP\/1\.1 (503|200)/g)?.length, 2);
  });

  it('tells its own log where the database is and what ails it, and strangers only that it does not answer', async () => {
    faults.length = 0;
    const answer = await speak(`GET /storage_failed HTTP/1.1\r\n${host}\r\n`);
    assert.equal(codeOf(answer), 'storage_failed');
    assert.doesNotMatch(answer, /secret-name|192\.0\.2\.7/);
    assert.match(String(faults[0]), /secret-name at 192\.0\.2\.7/);
  });
});
