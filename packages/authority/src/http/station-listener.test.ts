import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type StationRouteName, sessionHeader, stationRoutes } from '@imprint/contract/api/station';
import { isErrorCode } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { issue } from '../issuing/issue.ts';
import { prepareDevice } from '../issuing/prepare.ts';
import { type DeviceTerms, profileOf } from '../issuing/profile.ts';
import { spkiOf } from '../issuing/requests.test-kit.ts';
import { makeSerial } from '../issuing/serial.ts';
import { makeKey } from '../signer/software.ts';
import { makeTestRealm, pem } from '../trust/hierarchy.test-kit.ts';
import {
  type Answer,
  agentFor,
  ask,
  makeStation,
  openTestListener,
  type TestListener,
} from './listeners.test-kit.ts';

let served: TestListener;
before(async () => {
  served = await openTestListener();
});
after(() => served.close());
afterEach(() => {
  served.calls.length = 0;
  served.faults.length = 0;
  for (const name of Object.keys(served.answers)) delete served.answers[name as StationRouteName];
});

const session = { [sessionHeader]: 'w-1' };
const requestId = '0123456789abcdef0123456789abcdef';
const closeShift = {
  path: '/station/v1/shifts/s-1/close',
  body: JSON.stringify({ request_id: requestId }),
  headers: session,
};
const enrolment = {
  path: '/station/v1/enrolment',
  body: JSON.stringify({ token: 'x'.repeat(20), csr_b64: 'AAAA' }),
};

function assertProblem(answer: Answer, status: number, code: string) {
  assert.equal(answer.json.code, code, answer.text);
  assert.equal(answer.status, status);
  assert.match(answer.type!, /^application\/problem\+json/);
  assert.ok(isErrorCode(code));
}

describe('station listener', () => {
  test('a live station reaches its route, and the handler learns who it is from the certificate', async () => {
    const agent = agentFor(served, await served.enrol('st-1'));
    const answer = await ask(served, agent, closeShift);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.socket.getProtocol(), 'TLSv1.3');
    assert.deepEqual(served.calls, [
      {
        name: 'closeShift',
        request: { request_id: requestId },
        caller: { stationId: 'st-1', sessionId: 'w-1' },
        params: { shift_id: 's-1' },
      },
    ]);
    agent.destroy();
  });

  test('a newcomer without a certificate reaches the two enrolment routes and no other', async () => {
    const agent = agentFor(served);
    served.answers.requestEnrolment = () => ({
      station_id: 'st-9',
      public_key_sha256: 'ab'.repeat(32),
      status: 'pending',
    });
    assert.equal((await ask(served, agent, enrolment)).status, 200);
    assert.equal(served.calls[0]!.caller, undefined);
    for (const [name, route] of Object.entries(stationRoutes)) {
      if (name === 'requestEnrolment' || name === 'collectEnrolment') continue;
      const path = route.path.replaceAll(/:[a-z_0-9]+/g, 'x');
      const answer = await ask(served, agent, { method: route.method, path, headers: session });
      assertProblem(answer, 401, 'not_authenticated');
    }
    assertProblem(await ask(served, agent, { path: '/no/such/path' }), 401, 'not_authenticated');
    assert.deepEqual(
      served.calls.map(({ name }) => name),
      ['requestEnrolment'],
    );
    agent.destroy();
  });

  test('I-20: a station of another realm is nobody here', async () => {
    const now = new Date();
    const other = await makeTestRealm('prod', new Date(now.getTime() - 3_600_000));
    const identity = await makeStation(other, 'st-1', now);
    served.registered.set('st-1', {
      status: 'confirmed',
      certificateSha256: sha256Hex(identity.certificate),
      notAfter: '2099-01-01T00:00:00.000Z',
    });
    const agent = agentFor(served, identity, [other.hierarchy.certificates.stationCa]);
    assertProblem(await ask(served, agent, closeShift), 401, 'not_authenticated');
    agent.destroy();
  });

  test('a device, the server itself and an impostor CA of the same name are no stations', async () => {
    const now = new Date();
    const terms: DeviceTerms = {
      v: 1,
      profile: 'idevid',
      realm: 'dev',
      organization: 'Example Devices',
      key_type: 'ec-p256',
      validity: 'forever',
      skew_minutes: 5,
      hardware_type_oid: '1.3.6.1.4.1.99999.1.1',
    };
    const key = makeKey('ec-p256');
    const token = prepareDevice(
      served.realm.issuing,
      profileOf(terms),
      {
        deviceId: 'st-1',
        product: 'gateway',
        site: 'site-1',
        hardwareUid: 'mcu-uid=0001',
        keyType: 'ec-p256',
        spki: spkiOf(key),
      },
      makeSerial(now, randomBytes),
      now,
    );
    const { certificates, keys } = served.realm.hierarchy;
    const device = { key, certificate: (await issue(token, served.realm.issuing, { ...token })).certificate };
    const impostor = await makeTestRealm('dev', new Date(now.getTime() - 3_600_000));
    for (const [identity, above] of [
      [device, [certificates.issuing, certificates.root]],
      [{ key: keys.server, certificate: certificates.server }, [certificates.stationCa]],
      [await makeStation(impostor, 'st-1', now), [impostor.hierarchy.certificates.stationCa]],
    ] as const) {
      served.registered.set('st-1', {
        status: 'confirmed',
        certificateSha256: sha256Hex(identity.certificate),
        notAfter: '2099-01-01T00:00:00.000Z',
      });
      const agent = agentFor(served, identity, above);
      assertProblem(await ask(served, agent, closeShift), 401, 'not_authenticated');
      agent.destroy();
    }
    assert.equal(served.calls.length, 0);
  });

  test('I-11: a revocation holds at the next request of a live connection, and on a resumed one', async () => {
    const identity = await served.enrol('st-2');
    const agent = agentFor(served, identity);
    const first = await ask(served, agent, closeShift);
    assert.equal(first.status, 200);
    served.registered.get('st-2')!.status = 'revoked';
    const second = await ask(served, agent, closeShift);
    assert.equal(second.socket, first.socket);
    assertProblem(second, 403, 'station_revoked');
    // the agent keeps the TLS session and resumes it on its next connection
    second.socket.destroy();
    const third = await ask(served, agent, closeShift);
    assert.notEqual(third.socket, first.socket);
    assert.ok(third.socket.isSessionReused());
    assertProblem(third, 403, 'station_revoked');
    served.registered.get('st-2')!.status = 'confirmed';
    assert.equal((await ask(served, agent, closeShift)).status, 200);
    agent.destroy();
  });

  test('I-11: an expired, a replaced, a pending and an unknown station are refused on a live connection', async () => {
    const agent = agentFor(served, await served.enrol('st-3'));
    assert.equal((await ask(served, agent, closeShift)).status, 200);
    const right = { ...served.registered.get('st-3')! };
    served.setNow(new Date(Date.now() + 31 * 86_400_000));
    assertProblem(await ask(served, agent, closeShift), 401, 'not_authenticated');
    served.setNow(new Date());
    served.registered.set('st-3', { ...right, notAfter: '2020-01-01T00:00:00.000Z' });
    assertProblem(await ask(served, agent, closeShift), 401, 'not_authenticated');
    served.registered.set('st-3', { ...right, certificateSha256: '00'.repeat(32) });
    assertProblem(await ask(served, agent, closeShift), 401, 'not_authenticated');
    served.registered.set('st-3', { ...right, status: 'pending', certificateSha256: null });
    assertProblem(await ask(served, agent, closeShift), 403, 'station_pending');
    served.registered.delete('st-3');
    assertProblem(await ask(served, agent, closeShift), 401, 'not_authenticated');
    served.registered.set('st-3', right);
    assert.equal((await ask(served, agent, closeShift)).status, 200);
    agent.destroy();
  });

  test('every route but the session itself asks for a session, in one plain header', async () => {
    const agent = agentFor(served, await served.enrol('st-4'));
    for (const headers of [
      {} as Record<string, string>,
      { [sessionHeader]: '' },
      { [sessionHeader]: 'a b' },
      { [sessionHeader]: 'a, b' },
    ]) {
      assertProblem(await ask(served, agent, { ...closeShift, headers }), 401, 'not_authenticated');
    }
    const opening = { path: '/station/v1/session', body: '{}' };
    assertProblem(await ask(served, agent, opening), 400, 'bad_request');
    agent.destroy();
  });

  test('TLS 1.2 is refused', async () => {
    await assert.rejects(
      new Promise((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          port: served.port,
          maxVersion: 'TLSv1.2',
          rejectUnauthorized: false,
        } as const;
        connectTls(options, () => resolve('connected')).on('error', reject);
      }),
      /alert protocol version/,
    );
  });

  test('the server shows its chain up to the root that a newcomer pins', async () => {
    const shown = await new Promise<string[]>((resolve, reject) => {
      const socket = connectTls(
        { host: '127.0.0.1', port: served.port, ca: pem(served.realm.hierarchy.certificates.stationRoot) },
        () => {
          const fingerprints: string[] = [];
          let at = socket.getPeerCertificate(true);
          while (!fingerprints.includes(sha256Hex(at.raw))) {
            fingerprints.push(sha256Hex(at.raw));
            at = at.issuerCertificate;
          }
          socket.destroy();
          resolve(fingerprints);
        },
      ).on('error', reject);
    });
    const { server, stationCa, stationRoot } = served.realm.hierarchy.certificates;
    assert.deepEqual(
      shown,
      [server, stationCa, stationRoot].map((der) => sha256Hex(der)),
    );
  });
});

describe('station listener, hostile input', () => {
  test('a body over the cap is 413, also of a stranger, and no handler sees it', async () => {
    const agent = agentFor(served, await served.enrol('st-5'));
    const body = Buffer.alloc(limits.requestBytes + 1, 0x20);
    assertProblem(await ask(served, agent, { ...closeShift, body }), 413, 'request_too_large');
    const stranger = agentFor(served);
    assertProblem(await ask(served, stranger, { ...enrolment, body }), 413, 'request_too_large');
    assert.equal(served.calls.length, 0);
    agent.destroy();
    stranger.destroy();
  });

  test('I-10: broken JSON, another type, unknown fields, keys that stand twice, __proto__ and a compressed body are 400', async () => {
    const agent = agentFor(served, await served.enrol('st-6'));
    const right = JSON.stringify({ request_id: requestId });
    for (const [body, code] of [
      ['{', 'json_invalid'],
      ['', 'json_invalid'],
      ['[]', 'bad_request'],
      ['null', 'bad_request'],
      ['"x"', 'bad_request'],
      [`{"request_id":"${requestId}","more":1}`, 'bad_request'],
      [`{"request_id":"${requestId}","request_id":"${requestId}"}`, 'bad_request'],
      [`{"request_id":"${requestId}","__proto__":{"a":1}}`, 'json_invalid'],
      [`{"request_id":"${requestId}","constructor":{"prototype":{"a":1}}}`, 'json_invalid'],
      ['['.repeat(100_000), 'json_invalid'],
      ['{"request_id":1}', 'bad_request'],
    ] as const) {
      assertProblem(await ask(served, agent, { ...closeShift, body }), 400, code);
    }
    for (const headers of [
      { 'content-type': 'text/plain' } as Record<string, string>,
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-encoding': 'gzip' },
      { 'content-encoding': 'br' },
      { host: 'evil.example.com' },
      { host: 'authority.example.com.evil' },
      { host: '127.0.0.1@evil' },
    ]) {
      const answer = await ask(served, agent, {
        ...closeShift,
        body: right,
        headers: { ...session, ...headers },
      });
      assertProblem(answer, 400, 'bad_request');
    }
    assert.equal(served.calls.length, 0);
    assert.deepEqual(served.faults, []);
    const named = { ...session, host: 'Authority.Example.com:8443' };
    assert.equal((await ask(served, agent, { ...closeShift, headers: named })).status, 200);
    agent.destroy();
  });

  test('paths that are no IDs, have a query or do not exist are refused', async () => {
    const agent = agentFor(served, await served.enrol('st-7'));
    for (const [path, status, code] of [
      ['/station/v1/shifts/..%2f..%2fetc/close', 400, 'bad_request'],
      ['/station/v1/shifts/%00/close', 400, 'bad_request'],
      [`/station/v1/shifts/${'a'.repeat(65)}/close`, 400, 'bad_request'],
      ['/station/v1/shifts/%zz/close', 400, 'bad_request'],
      ['/station/v1/shifts/s-1/close?x=1', 400, 'bad_request'],
      ['/station/v1/shifts/s-1/close/', 404, 'unknown_route'],
      ['/STATION/v1/shifts/s-1/close', 404, 'unknown_route'],
      ['/', 404, 'unknown_route'],
    ] as const) {
      assertProblem(await ask(served, agent, { ...closeShift, path }), status, code);
    }
    assertProblem(await ask(served, agent, { ...closeShift, method: 'PUT' }), 404, 'unknown_route');
    const { path, headers } = closeShift;
    assertProblem(await ask(served, agent, { path, headers, method: 'DELETE' }), 404, 'unknown_route');
    agent.destroy();
  });

  test('I-19: a fault of ours says nothing about itself, and is reported inside', async () => {
    const agent = agentFor(served, await served.enrol('st-8'));
    served.answers.closeShift = () => {
      throw new TypeError('secret of the house');
    };
    const thrown = await ask(served, agent, closeShift);
    assertProblem(thrown, 500, 'internal');
    assert.doesNotMatch(thrown.text, /secret|TypeError|\.ts/);
    served.answers.closeShift = () => ({ private_key: 'leak' });
    const leaking = await ask(served, agent, closeShift);
    assertProblem(leaking, 500, 'internal');
    assert.doesNotMatch(leaking.text, /leak|private_key/);
    assert.equal(served.faults.length, 2);
    assert.match(String(served.faults[0]), /secret of the house/);
    agent.destroy();
  });

  test('headers over the cap are 413, and bytes that are no HTTP or no TLS end the connection', async () => {
    const agent = agentFor(served);
    const headers = { 'x-long': 'a'.repeat(limits.headerBytes) };
    assertProblem(await ask(served, agent, { ...enrolment, headers }), 413, 'request_too_large');
    agent.destroy();
    const answer = await speakTls('\x00\x01garbage\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 bad request\r\n/);
    assert.match(answer, /"code":"bad_request"/);
    const both =
      'POST /station/v1/enrolment HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n';
    assert.match(await speakTls(both), /^HTTP\/1\.1 400 /);
    assert.match(await speakTls('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /);
    await new Promise<void>((resolve) => {
      const socket = connectTcp(served.port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
      );
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
    assert.equal(served.calls.length, 0);
  });

  // Node itself looks for late requests every thirty seconds, which would pass here, had the test no end
  test('a request that arrives too slowly is 408', { timeout: 10_000 }, async () => {
    const impatient = await openTestListener(300);
    const answer = await speakTls(
      'POST /station/v1/enrolment HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"tok',
      impatient,
    );
    await impatient.close();
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.match(answer, /"code":"request_timeout"/);
  });
});

/** What the listener answers to raw bytes inside TLS, until it closes. */
function speakTls(bytes: string, listener = served): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connectTls({ host: '127.0.0.1', port: listener.port, rejectUnauthorized: false }, () =>
      socket.write(bytes),
    );
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
