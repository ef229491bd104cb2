import assert from 'node:assert/strict';
import { type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { sessionHeader } from '@imprint/contract/api/station';
import { verifierKey } from '@imprint/contract/audit/checkpoint';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import type { FastifyInstance } from 'fastify';
import { Checkpoints } from '../audit/checkpoints.ts';
import { makeRequest, spkiOf } from '../issuing/requests.test-kit.ts';
import type { LineCore } from '../jobs/line-core.ts';
import { TickLedger } from '../ledger/tick-ledger.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { makeKey } from '../signer/software.ts';
import { confirmStation, revokeStation } from '../stations/enrolment.ts';
import { findStation } from '../stations/find-station.ts';
import { inviteStation } from '../stations/invite.ts';
import type { StationCore } from '../stations/station-core.ts';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import { makeTestRealm, pem, type TestRealm } from '../trust/hierarchy.test-kit.ts';
import { keyNames, logId } from '../trust/hierarchy.ts';
import { Issuers } from '../trust/issuers.ts';
import { realmDrafts } from '../trust/realm-drafts.ts';
import { lineHandlers } from './line-handlers.ts';
import { agentFor, ask } from './listeners.test-kit.ts';
import { createStationListener } from './station-listener.ts';

const person = { kind: 'person', id: 'tester' } as const;
const clock = () => new Date();
const clockGuard = { requireSteady: () => {} };
const entropy = (length: number) => new Uint8Array(randomBytes(length));

const faults: unknown[] = [];
let realm: TestRealm;
let storage: Storage;
let ledger: TickLedger;
let stations: StationCore;
let listener: FastifyInstance;
let served: { realm: TestRealm; port: number };

before(async () => {
  // OpenSSL judges by the machine's clock, so this realm lives now
  realm = await makeTestRealm('dev', new Date(Date.now() - 3_600_000));
  storage = await openScratchSqlite('dev');
  ledger = new TickLedger({ storage, realm: 'dev', clock, entropy });
  const { certificates, keys, logPublicKey } = realm.hierarchy;
  const issuers = new Issuers('dev', async (caId) =>
    caId === keyNames.issuing ? realm.issuing.signer : realm.stationCa.signer,
  );
  await ledger.submit(async () => ({
    entries: realmDrafts(person, {
      realm: 'dev',
      organization: 'Example Devices',
      logOrigin: 'example.com/dev',
      logPublicKey,
      certificates,
    }),
    reply: () => undefined,
  }));
  stations = {
    ledger,
    realm: 'dev',
    organization: 'Example Devices',
    issuers,
    stationRoot: certificates.stationRoot,
    clock,
    clockGuard,
    entropy,
  };
  const line: LineCore = {
    ledger,
    realm: 'dev',
    logId: logId(logPublicKey),
    rootPem: pem(certificates.root),
    rootSha256: sha256Hex(certificates.root),
    issuers,
    contracts: new ContractShelf(),
    clock,
    clockGuard,
    entropy,
    processId: 'process-1',
    intentLeaseMs: 5_000,
    jobsPerLaneAMinute: 1000,
    minimumStationVersion: '0.1.0',
    badgeHash: (badge) => sha256Hex(new TextEncoder().encode(badge)),
    checkpoints: new Checkpoints(ledger, verifierKey('example.com/dev', logPublicKey), (message) =>
      sign(null, message, keys.log),
    ),
  };
  listener = createStationListener({
    alarm: async () => undefined,
    realm: 'dev',
    hosts: [],
    key: keys.server,
    certificateChainPem:
      pem(certificates.server) + pem(certificates.stationCa) + pem(certificates.stationRoot),
    stationCaPem: pem(certificates.stationCa) + pem(certificates.stationRoot),
    findStation: findStation(storage.reader),
    handlers: lineHandlers(line, stations, assert.ifError),
    clock,
    report: (error) => faults.push(error),
  });
  await listener.listen({ host: '127.0.0.1', port: 0 });
  served = { realm, port: (listener.server.address() as AddressInfo).port };
});
after(async () => {
  assert.deepEqual(faults, []);
  await listener.close();
  await ledger.close();
  await storage.close();
});

const invite = async (stationId: string) =>
  (
    await inviteStation(stations, person, {
      stationId,
      site: 'site-1',
      line: 'line-1',
      lanes: 2,
      url: `https://localhost:${served.port}`,
    })
  ).token;

function post(agent: Agent, path: string, body: object, headers: Record<string, string> = {}) {
  return ask(served, agent, { path: `/station/v1/${path}`, body: JSON.stringify(body), headers });
}

const csrOf = (key: KeyObject) => Buffer.from(makeRequest({ key })).toString('base64');
const opening = {
  station_version: '0.1.0',
  configuration_sha256: '00'.repeat(32),
  station_time: '2026-01-01T00:00:00.000Z',
  last_checkpoint: null,
};

/** Goes through the door, and gives the agent of the station that came out. */
async function enrol(stationId: string): Promise<Agent> {
  const key = makeKey('ec-p256');
  const token = parseEnrolmentToken(await invite(stationId));
  const stranger = agentFor(served);
  const request = { token: token.secret, csr_b64: csrOf(key) };
  assert.equal((await post(stranger, 'enrolment', request)).status, 200);
  await confirmStation(stations, person, stationId, sha256Hex(spkiOf(key)));
  const collected = await post(stranger, 'enrolment/certificate', request);
  stranger.destroy();
  const { certificate_pem } = JSON.parse(collected.text);
  return agentFor(served, { key, certificate: fromPem('CERTIFICATE', certificate_pem)[0]! });
}

describe('enrolment over TLS', () => {
  test('a newcomer goes from token to certificate, and a person decides between', async () => {
    const key = makeKey('ec-p256');
    const token = parseEnrolmentToken(await invite('st-1'));
    const { certificates } = realm.hierarchy;
    assert.equal(token.pin_sha256, sha256Hex(certificates.stationRoot));
    const agent = agentFor(served);
    const request = { token: token.secret, csr_b64: csrOf(key) };
    const asked = await post(agent, 'enrolment', request);
    assert.deepEqual(JSON.parse(asked.text), {
      station_id: 'st-1',
      public_key_sha256: sha256Hex(spkiOf(key)),
      status: 'pending',
    });
    const early = await post(agent, 'enrolment/certificate', request);
    assert.deepEqual(JSON.parse(early.text), { status: 'pending', certificate_pem: null, chain_pem: null });
    await assert.rejects(confirmStation(stations, person, 'st-1', '00'.repeat(32)), (error) =>
      isImprintError(error, 'not_authorized'),
    );
    await confirmStation(stations, person, 'st-1', sha256Hex(spkiOf(key)));
    const collected = JSON.parse((await post(agent, 'enrolment/certificate', request)).text);
    const [certificate] = fromPem('CERTIFICATE', collected.certificate_pem);
    const leaf = verifyChain({
      chain: [certificate!, certificates.stationCa],
      root: certificates.stationRoot,
      at: clock(),
      realm: 'dev',
      purpose: 'station',
    });
    assert.equal(leaf.id, 'st-1');
    assert.deepEqual(Buffer.from(leaf.publicKey.spki), Buffer.from(spkiOf(key)));
    agent.destroy();
  });

  test('who has no token is refused before a curve is reckoned for it', async () => {
    const agent = agentFor(served);
    for (const path of ['enrolment', 'enrolment/certificate']) {
      const { json } = await post(agent, path, { token: 'f'.repeat(64), csr_b64: 'AAAA' });
      assert.equal(json.code, 'token_invalid');
    }
    agent.destroy();
  });

  test('a token serves one key; a wrong one, a second key and a broken request are refused', async () => {
    const token = parseEnrolmentToken(await invite('st-2'));
    const agent = agentFor(served);
    const csr_b64 = csrOf(makeKey('ec-p256'));
    assert.equal(
      (await post(agent, 'enrolment', { token: 'f'.repeat(64), csr_b64 })).json.code,
      'token_invalid',
    );
    assert.equal((await post(agent, 'enrolment', { token: token.secret, csr_b64 })).status, 200);
    const second = { token: token.secret, csr_b64: csrOf(makeKey('ec-p256')) };
    assert.equal((await post(agent, 'enrolment', second)).json.code, 'token_invalid');
    assert.equal((await post(agent, 'enrolment/certificate', second)).json.code, 'token_invalid');
    const spki = spkiOf(makeKey('ec-p256'));
    const stolen = Buffer.from(makeRequest({ spki })).toString('base64');
    assert.equal(
      (await post(agent, 'enrolment', { token: token.secret, csr_b64: stolen })).json.code,
      'csr_proof_wrong',
    );
    assert.equal(
      (await post(agent, 'enrolment', { token: token.secret, csr_b64: 'AAAA' })).json.code,
      'csr_invalid',
    );
    agent.destroy();
  });

  test('the station opens its session; an older session is refused', async () => {
    const agent = await enrol('st-3');
    const first = JSON.parse((await post(agent, 'session', opening)).text);
    assert.equal(first.station_id, 'st-3');
    const shift = { request_id: '0123456789abcdef0123456789abcdef' };
    const second = JSON.parse((await post(agent, 'session', opening)).text);
    assert.notEqual(second.session_id, first.session_id);
    const old = await post(agent, 'shifts/s-1/close', shift, { [sessionHeader]: first.session_id });
    assert.equal(old.json.code, 'station_session_taken');
    agent.destroy();
  });

  test('I-11: a revoked station is refused on its live connection, by the registry itself', async () => {
    const agent = await enrol('st-4');
    const opened = await post(agent, 'session', opening);
    assert.equal(opened.status, 200, opened.text);
    await revokeStation(stations, person, 'st-4', 'the PC was stolen');
    const refused = await post(agent, 'session', opening);
    assert.equal(refused.socket, opened.socket);
    assert.deepEqual([refused.status, refused.json.code], [403, 'station_revoked']);
    agent.destroy();
  });

  test('I-11: an enrolment anew ends the earlier certificate', async () => {
    const earlier = await enrol('st-5');
    assert.equal((await post(earlier, 'session', opening)).status, 200);
    await revokeStation(stations, person, 'st-5', 'moved');
    const later = await enrol('st-5');
    assert.equal((await post(later, 'session', opening)).status, 200);
    assert.equal((await post(earlier, 'session', opening)).json.code, 'not_authenticated');
    earlier.destroy();
    later.destroy();
  });
});
