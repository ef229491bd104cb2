import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { readCertsOnly } from '@imprint/contract/est/certs-only';
import { readCsrAttributes } from '@imprint/contract/est/csr-attributes';
import { limits } from '@imprint/contract/limits';
import { derOid, derSequence, derSetOf, derUtf8String } from '@imprint/contract/x509/der-writer';
import { toPem } from '@imprint/contract/x509/pem';
import { makeRequest } from '../issuing/requests.test-kit.ts';
import { setEnrolmentPolicy } from '../onboarding/enrolment-approval.ts';
import { makeKey } from '../signer/software.ts';
import {
  type Connection,
  connect,
  type FieldUnit,
  openTestDevices,
  type TestDevices,
} from './devices.test-kit.ts';
import { estRoutes } from './est-route.ts';
import { type Answer, ask } from './listeners.test-kit.ts';

const est = '/.well-known/est';
const pkcs10 = { 'content-type': 'application/pkcs10' };
const challengeOid = derOid('1.2.840.113549.1.9.7');
type Tls = 'TLSv1.2' | 'TLSv1.3';

let devices: TestDevices;
const ids = Array.from({ length: 9 }, (_, at) => `GW-${at}`);
before(async () => {
  devices = await openTestDevices(ids, (core) => ({ mount: estRoutes(core) }));
});
after(async () => {
  await devices.close();
  assert.deepEqual(devices.faults, []);
});

const shipped = () => devices.unit(ids.shift()!, 'stocked', 'shipped');
const body = (key: KeyObject, challenge?: string) => {
  const attributes =
    challenge === undefined ? [] : [derSequence(challengeOid, derSetOf(derUtf8String(challenge)))];
  return Buffer.from(makeRequest({ key, attributes })).toString('base64');
};
const post = ({ agent }: Connection, path: string, text: string, headers: Record<string, string> = pkcs10) =>
  ask(devices, agent, { method: 'POST', path, body: text, headers });

function certificatesOf(answer: Answer): Buffer[] {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.type, 'application/pkcs7-mime; smime-type=certs-only');
  const der = Buffer.from(answer.text, 'base64');
  const printed = execFileSync('openssl', ['pkcs7', '-inform', 'DER', '-print_certs'], { input: der });
  const found = readCertsOnly(der).map((one) => Buffer.from(one));
  assert.equal(printed.toString().match(/BEGIN CERTIFICATE/g)!.length, found.length);
  return found;
}

/** With what it fetched, in place of its birth certificate. */
const holding = (unit: FieldUnit, key: KeyObject, certificate: Uint8Array): FieldUnit => ({
  ...unit,
  key,
  certificate,
});

test('anybody may ask for the CA certificates, with and without a label', async () => {
  const stranger = connect(devices);
  for (const path of [`${est}/cacerts`, `${est}/factory-1/cacerts`]) {
    const found = certificatesOf(await stranger.ask(path)).map((der) => new X509Certificate(der));
    const root = found.find((one) => one.subject === one.issuer)!;
    assert.equal(toPem('CERTIFICATE', root.raw), devices.line.core.rootPem);
    const unit = new X509Certificate(devices.line.hierarchy.certificates.issuing);
    assert.ok(found.some((one) => one.fingerprint256 === unit.fingerprint256));
  }
  for (const path of ['csrattrs', 'simpleenroll', 'serverkeygen']) {
    const answer = await stranger.ask(`${est}/${path}`, path === 'csrattrs' ? undefined : {});
    assert.equal(answer.status, 401, answer.text);
  }
  stranger.agent.destroy();
});

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(`over ${maxVersion}`, () => {
    test('a shipped device activates, asks which key, enrols, renews, and its old certificate ends with the first use of the new one', async () => {
      const unit = await shipped();
      const birth = connect(devices, unit, { maxVersion });
      const attributes = await birth.ask(`${est}/csrattrs`);
      assert.equal(attributes.socket.getProtocol(), maxVersion);
      assert.equal(attributes.type, 'application/csrattrs');
      assert.equal(readCsrAttributes(Buffer.from(attributes.text, 'base64')), 'ec-p256');

      const key = makeKey('ec-p256');
      const text = body(key);
      const [first, ...more] = certificatesOf(await post(birth, `${est}/simpleenroll`, text));
      assert.deepEqual(more, []);
      const wrapped = text.replace(/.{76}/g, '$&\r\n');
      const again = await post(birth, `${est}/a/simpleenroll`, wrapped, {
        'content-type': 'Application/PKCS10; charset=utf-8',
        'content-transfer-encoding': 'base64',
      });
      assert.deepEqual(certificatesOf(again), [first]);

      const old = connect(devices, holding(unit, key, first!), { maxVersion });
      const nextKey = makeKey('ec-p256');
      const [second] = certificatesOf(await post(old, `${est}/simplereenroll`, body(nextKey)));
      assert.equal((await old.hello()).status, 200);
      const young = connect(devices, holding(unit, nextKey, second!), { maxVersion });
      assert.equal((await young.hello()).status, 200);
      // I-11: on the connection that is kept, too
      assert.equal((await old.hello()).json.code, 'credential_revoked');
      assert.equal((await birth.hello()).status, 200);
      for (const { agent } of [birth, old, young]) agent.destroy();
    });

    test('a request that is bound to its connection is taken there, and on no other', async () => {
      const unit = await shipped();
      const one = connect(devices, unit, { maxVersion });
      const two = connect(devices, unit, { maxVersion });
      const ofOne = bindingOf((await one.ask(`${est}/csrattrs`)).socket, maxVersion);
      const resumed = (await two.ask(`${est}/csrattrs`)).socket;
      const ofTwo = bindingOf(resumed, maxVersion);
      assert.notEqual(ofOne, ofTwo);
      const key = makeKey('ec-p256');
      const wrong = await post(two, `${est}/simpleenroll`, body(key, ofOne));
      assert.deepEqual([wrong.status, wrong.json.code], [400, 'csr_proof_wrong']);
      assert.ok(!wrong.text.includes(ofOne));
      for (const nonsense of ['', 'secret', `${ofTwo}=`, ofTwo.slice(0, -4)]) {
        assert.equal((await post(two, `${est}/simpleenroll`, body(key, nonsense))).status, 400);
      }
      certificatesOf(await post(two, `${est}/simpleenroll`, body(key, ofTwo)));
      certificatesOf(await post(one, `${est}/simpleenroll`, body(key, ofOne)));
      for (const { agent } of [one, two]) agent.destroy();
    });
  });
}

test('a resumed session of TLS 1.2 is bound by the Finished of the server', async () => {
  const unit = await shipped();
  const connection = connect(devices, unit, { maxVersion: 'TLSv1.2' });
  const { socket } = await connection.ask(`${est}/csrattrs`);
  assert.equal(socket.isSessionReused(), false);
  socket.destroy();
  const resumed = (await connection.ask(`${est}/csrattrs`)).socket;
  assert.equal(resumed.isSessionReused(), true);
  const clients = resumed.getFinished()!.toString('base64');
  assert.notEqual(clients, bindingOf(resumed, 'TLSv1.2'));
  const key = makeKey('ec-p256');
  assert.equal((await post(connection, `${est}/simpleenroll`, body(key, clients))).status, 400);
  certificatesOf(await post(connection, `${est}/simpleenroll`, body(key, bindingOf(resumed, 'TLSv1.2'))));
  connection.agent.destroy();
});

test('whatever is no enrolment is refused, and says why', async () => {
  const unit = await shipped();
  const connection = connect(devices, unit);
  const path = `${est}/simpleenroll`;
  const text = body(makeKey('ec-p256'));
  const refused = async (what: Promise<Answer>, status: number, code: string) => {
    const answer = await what;
    assert.deepEqual([answer.status, answer.json.code], [status, code], answer.text);
    assert.match(answer.type ?? '', /^application\/problem\+json/);
  };
  await refused(post(connection, path, text, { 'content-type': 'application/json' }), 400, 'bad_request');
  await refused(post(connection, path, text, {}), 400, 'bad_request');
  await refused(post(connection, path, ''), 400, 'bad_request');
  await refused(post(connection, path, `${text.slice(0, 80)}*`), 400, 'bad_request');
  await refused(
    post(connection, path, toPem('CERTIFICATE REQUEST', Buffer.from(text, 'base64'))),
    400,
    'bad_request',
  );
  await refused(post(connection, path, Buffer.from('nonsense').toString('base64')), 400, 'csr_invalid');
  await refused(post(connection, path, 'A'.repeat(3 * limits.csrBytes)), 413, 'request_too_large');
  await refused(post(connection, `${est}/%00/simpleenroll`, text), 400, 'bad_request');
  await refused(post(connection, `${est}/serverkeygen`, text), 403, 'enrolment_refused');
  await refused(post(connection, `${est}/a/serverkeygen`, text), 403, 'enrolment_refused');
  await refused(post(connection, `${est}/fullcmc`, text), 404, 'unknown_route');
  await refused(connection.ask(path), 404, 'unknown_route');
  connection.agent.destroy();
});

test('I-14: what was not shipped, or came back, enrols nothing', async () => {
  const [made, back] = [
    await devices.unit(ids.shift()!, 'stocked'),
    await devices.unit(ids.shift()!, 'stocked', 'shipped', 'returned'),
  ];
  for (const [unit, code] of [
    [made, 'device_not_shipped'],
    [back, 'device_barred'],
  ] as const) {
    const connection = connect(devices, unit);
    const answer = await post(connection, `${est}/simpleenroll`, body(makeKey('ec-p256')));
    assert.equal(answer.json.code, code);
    connection.agent.destroy();
  }
});

test('where people decide the answer is 202, and when to ask again', async () => {
  const unit = await shipped();
  const { ledger } = devices.line.core;
  const by = { kind: 'person', id: 'ada' } as const;
  await setEnrolmentPolicy(ledger, by, { product: 'gateway', enrolment: 'approval', reason: 'pilot' });
  const connection = connect(devices, unit);
  const answer = await post(connection, `${est}/simpleenroll`, body(makeKey('ec-p256')));
  assert.deepEqual([answer.status, answer.headers['retry-after'], answer.text], [202, '300', '']);
  await setEnrolmentPolicy(ledger, by, { product: 'gateway', enrolment: 'automatic', reason: 'done' });
  connection.agent.destroy();
});

/** As a client computes it: RFC 9266, and RFC 5929 section 3. */
function bindingOf(socket: TLSSocket, version: Tls): string {
  if (version === 'TLSv1.3') {
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('base64');
  }
  return (socket.isSessionReused() ? socket.getPeerFinished() : socket.getFinished())!.toString('base64');
}
