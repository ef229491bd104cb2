import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { toHex } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import { derBoolean, derOctetString, derOid, derSequence } from '@imprint/contract/x509/der-writer';
import Fastify, { type FastifyInstance } from 'fastify';
import { makeSerial } from '../issuing/serial.ts';
import {
  certId,
  nonceExtension,
  ocspRequest,
  openResponder,
  opensslOcsp,
} from '../revocation/ocsp.test-kit.ts';
import { openRegistry, type TestRegistry } from '../revocation/registry.test-kit.ts';
import { issueDevice, opensslCrlCheck } from '../revocation/revocation.test-kit.ts';
import { addOcspRoutes } from './ocsp-route.ts';
import { createPublicListener } from './public-listener.ts';

let registry: TestRegistry;
let listener: FastifyInstance;
let origin: string;
let rounds: () => Promise<void>;

before(async () => {
  registry = await openRegistry(6);
  const { responder, faults } = await openResponder(registry);
  const publisher = registry.publisher();
  rounds = async () => {
    await Promise.all([publisher.round(), responder.round()]);
    assert.deepEqual(faults, []);
  };
  await rounds();
  listener = createPublicListener({
    hosts: [],
    rootPem: 'ROOT',
    issuingPem: async () => 'ISSUING',
    checkpoint: async () => '',
    hashTile: async () => undefined,
    revocation: {
      responder,
      shelf: registry.shelf(),
      clock: registry.clock,
      monotonicMs: () => performance.now(),
    },
    report: (error) => {
      throw error;
    },
  });
  await listener.listen({ host: '127.0.0.1', port: 0 });
  origin = `http://127.0.0.1:${(listener.server.address() as AddressInfo).port}`;
});
after(async () => {
  await listener.close();
  await registry.close();
});

const type = { 'content-type': 'application/ocsp-request' };
const post = (body: Uint8Array, headers: Record<string, string> = type) =>
  fetch(`${origin}/ocsp`, { method: 'POST', headers, body: Buffer.from(body) });
const get = (request: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${origin}/ocsp/${encodeURIComponent(Buffer.from(request).toString('base64'))}`, { headers });
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const status = async (answer: Response) => {
  assert.equal(answer.headers.get('content-type'), 'application/ocsp-response');
  return (await bytesOf(answer)).subarray(0, 5).toString('hex');
};
const malformed = '30030a0101';
const unauthorized = '30030a0106';

describe('OCSP over HTTP', () => {
  test('openssl asks by POST: good before, revoked after, with either hash and its nonce or none', async () => {
    const { realm, devices, revoke } = registry;
    const [device] = devices;
    const url = `${origin}/ocsp`;
    const forms = [[], ['-no_nonce'], ['-sha256'], ['-sha256', '-no_nonce']];
    for (const form of forms) {
      const said = await opensslOcsp(registry, [device!.certificate], { url }, ...form);
      assert.match(said, /Response verify OK/);
      assert.match(said, /0\.pem: good/);
      assert.doesNotMatch(said, /nonce/i);
    }
    await revoke(device!, 'scrapped');
    await rounds();
    for (const form of forms) {
      const said = await opensslOcsp(registry, [device!.certificate], { url }, ...form);
      assert.match(said, /Response verify OK/);
      assert.match(
        said,
        /0\.pem: revoked\n[\s\S]*Reason: cessationOfOperation\n\s+Revocation Time: Jan {2}9 08:00:00 2026/,
      );
    }
    const list = await bytesOf(
      await fetch(
        `${origin}/crl/${toHex(registry.issuer.keyIdentifier)}/${Number.parseInt(device!.serial.slice(-4), 16) >> 14}.crl`,
      ),
    );
    assert.match(
      opensslCrlCheck(realm, device!.certificate, [list], registry.clock()),
      /certificate revoked/,
    );
  });

  test('I-17: of a serial that was never released it says unknown, never good', async () => {
    const { issuer, devices } = registry;
    // signed by the CA's key, and in no registry
    const stranger = await issueDevice(issuer, {}, registry.clock());
    const said = await opensslOcsp(registry, [stranger.certificate], { url: `${origin}/ocsp` });
    assert.match(said, /Response verify OK\n0\.pem: unknown/);
    for (const serial of ['01', 'ff', '00', 'ff'.repeat(20), `${devices[1]!.serial}00`]) {
      const answer = await get(ocspRequest([certId(issuer, serial)]));
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      // certStatus [2] unknown stands in it, and no [0] good
      const response = await opensslOcsp(registry, [], { response: await bytesOf(answer) }, '-resp_text');
      assert.match(response, /Cert Status: unknown/);
    }
  });

  test('several certificates are answered in one response, as far as the cap goes', async () => {
    const { devices, issuer, revoke } = registry;
    await revoke(devices[1]!);
    await rounds();
    const some = devices.slice(1, 4).map(({ certificate }) => certificate);
    const said = await opensslOcsp(registry, some, { url: `${origin}/ocsp` });
    assert.match(said, /Response verify OK\n0\.pem: revoked[\s\S]*1\.pem: good[\s\S]*2\.pem: good/);
    const ids = Array.from({ length: 9 }, () => certId(issuer, '01'));
    assert.equal(await status(await post(ocspRequest(ids))), malformed);
    assert.equal(
      (await bytesOf(await post(ocspRequest(ids.slice(1))))).subarray(4, 7).toString('hex'),
      '0a0100',
    );
  });

  test('by GET it tells caches how long it holds, and a validator saves the body', async () => {
    const { issuer, devices } = registry;
    const request = ocspRequest([certId(issuer, devices[4]!.serial, 'sha256')]);
    const first = await get(request);
    assert.equal(first.status, 200);
    const { headers } = first;
    assert.equal(headers.get('cache-control'), 'max-age=2700, public, no-transform, must-revalidate');
    assert.equal(headers.get('last-modified'), registry.clock().toUTCString());
    assert.equal(headers.get('expires'), new Date(registry.clock().getTime() + 2_700_000).toUTCString());
    const etag = headers.get('etag')!;
    const body = await bytesOf(first);
    registry.pass(60_000);
    const again = await get(request, { 'if-none-match': etag });
    assert.deepEqual([again.status, (await bytesOf(again)).length], [304, 0]);
    assert.equal(again.headers.get('cache-control'), 'max-age=2640, public, no-transform, must-revalidate');
    // the very bytes, whatever way it is asked for
    assert.deepEqual(await bytesOf(await get(request)), body);
    assert.deepEqual(await bytesOf(await post(request)), body);
    const plain = await fetch(`${origin}/ocsp/${Buffer.from(request).toString('base64')}`);
    assert.deepEqual(await bytesOf(plain), body);
  });

  test('a nonce of 1 to 128 octets is answered for this request alone, and another length is malformed', async () => {
    const { issuer, devices } = registry;
    const id = certId(issuer, devices[4]!.serial);
    for (const length of [1, 32, 128]) {
      const nonce = randomBytes(length);
      const answer = await get(ocspRequest([id], [nonceExtension(nonce)]));
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      const body = await bytesOf(answer);
      assert.ok(body.includes(nonce));
      assert.match(
        await opensslOcsp(registry, [devices[4]!.certificate], { response: body }),
        /Response verify OK\n0\.pem: good/,
      );
    }
    for (const length of [0, 129]) {
      assert.equal(
        await status(await post(ocspRequest([id], [nonceExtension(randomBytes(length))]))),
        malformed,
      );
    }
    const twice = [nonceExtension(randomBytes(8)), nonceExtension(randomBytes(8))];
    assert.equal(await status(await post(ocspRequest([id], twice))), malformed);
  });

  test('I-10: what is critical and unknown is malformed, and what is not critical is passed over', async () => {
    const id = certId(registry.issuer, registry.devices[4]!.serial);
    const value = derOctetString(derOctetString(Uint8Array.of(1)));
    const unknown = (...critical: Uint8Array[]) => derSequence(derOid('1.2.3.4'), ...critical, value);
    assert.equal(await status(await post(ocspRequest([id], [unknown(derBoolean(true))]))), malformed);
    const answer = await bytesOf(await post(ocspRequest([id], [unknown()])));
    assert.equal(answer.subarray(4, 7).toString('hex'), '0a0100');
  });

  test('another CA, and several at once, are answered with unauthorized', async () => {
    const { issuer, stationCa, devices } = registry;
    const serial = devices[4]!.serial;
    assert.equal(await status(await post(ocspRequest([certId(stationCa, serial)]))), unauthorized);
    const both = [certId(issuer, serial), certId(stationCa, serial)];
    assert.equal(await status(await post(ocspRequest(both))), unauthorized);
  });

  test('what is no request is malformed, in OCSP; what is too long or of another type is refused in HTTP', async () => {
    const request = ocspRequest([certId(registry.issuer, '01')]);
    for (const body of [Buffer.from('hello'), Buffer.concat([request, Buffer.of(0)]), request.slice(0, -1)]) {
      assert.equal(await status(await post(body)), malformed);
      assert.equal(await status(await get(body)), malformed);
    }
    for (const path of [
      '/ocsp/',
      '/ocsp/%20',
      '/ocsp/a-_b',
      `/ocsp/${'A'.repeat(7_000)}`,
      '/ocsp/%4D%41/x',
    ]) {
      assert.equal(await status(await fetch(`${origin}${path}`)), malformed, path);
    }
    assert.equal((await post(Buffer.alloc(2_049))).status, 413);
    assert.equal((await post(request, { 'content-type': 'text/plain' })).status, 400);
    assert.equal((await fetch(`${origin}/ocsp`)).status, 404);
    assert.equal((await fetch(`${origin}/ocsp/%zz`)).status, 400);
  });

  test('a CRL is served with its validator, and by no other path', async () => {
    const own = toHex(registry.issuer.keyIdentifier);
    const first = await fetch(`${origin}/crl/${own}/3.crl`);
    assert.equal(first.headers.get('content-type'), 'application/pkix-crl');
    assert.match(first.headers.get('cache-control')!, /^public, max-age=\d+$/);
    const again = await fetch(`${origin}/crl/${own}/3.crl`, {
      headers: { 'if-none-match': first.headers.get('etag')! },
    });
    assert.deepEqual([again.status, (await bytesOf(again)).length], [304, 0]);
    for (const path of [
      `${own}/4.crl`,
      `${own}/03.crl`,
      `${own}/3`,
      `${own.toUpperCase()}/3.crl`,
      `${'0'.repeat(40)}/0.crl`,
      `${own}/3.crl/`,
    ]) {
      assert.equal((await fetch(`${origin}/crl/${path}`)).status, 404, path);
    }
  });

  test('one address cannot have signed as much as it likes, and what is kept is given all the same', async () => {
    const { issuer, devices } = registry;
    const kept = ocspRequest([certId(issuer, devices[5]!.serial)]);
    await get(kept);
    const { responder } = await openResponder(registry, { processId: 'a-2' });
    const refusing = () => false;
    const unknown = ocspRequest([certId(issuer, toHex(makeSerial(registry.clock(), randomBytes)))]);
    assert.equal((await responder.answer(unknown, refusing)).response.toString('hex'), '30030a0103');
    await responder.answer(kept, () => true);
    assert.equal((await responder.answer(kept, refusing)).response.length > 500, true);
  });
});

test('signatures for strangers have a pace for each network, of which IPv6 is half of the address, and one for all', async () => {
  const admitted: boolean[] = [];
  const server = Fastify();
  const responder = {
    answer: (_: Uint8Array, admits: () => boolean) => {
      admitted.push(admits());
      return { response: Buffer.alloc(0) };
    },
  };
  addOcspRoutes(server, { responder, clock: () => new Date(), monotonicMs: () => 0 });
  const ask = async (remoteAddress: string) => {
    await server.inject({ method: 'GET', url: '/ocsp/AAAA', remoteAddress });
    return admitted.pop();
  };
  const of = (network: number, host: number) => `2001:db8:0:${network.toString(16)}::${host.toString(16)}`;
  for (let at = 0; at < limits.ocspSignatures; at++) assert.ok(await ask(of(1, at + 1)));
  assert.equal(await ask(of(1, 0xffff)), false);
  for (let at = 0; at < limits.ocspSignaturesOfAll - limits.ocspSignatures; at++) {
    assert.ok(await ask(of(2 + (at % 1000), 1)));
  }
  assert.equal(await ask('192.0.2.1'), false);
  await server.close();
});
