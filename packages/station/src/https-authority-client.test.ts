import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { AuthorityDouble } from './authority.double.ts';
import { AuthorityServerDouble } from './authority-server.double.ts';
import { gatewayIds, gatewayText, hurriedTimers } from './bench.double.ts';
import { enrolStation } from './enrolment.ts';
import { HttpsAuthorityClient } from './https-authority-client.ts';
import { openStationHome } from './station-home.ts';

const code =
  (expected: ErrorCode, words = /./) =>
  (error: unknown) =>
    isImprintError(error, expected) && words.test(error.message);
const hello = {
  station_version: '0.1.0',
  configuration_sha256: '00'.repeat(32),
  station_time: '2026-01-01T00:00:00.000Z',
  last_checkpoint: null,
};

describe('the authority over TLS', { timeout: 60_000 }, () => {
  let server: AuthorityServerDouble;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'imprint-tls-'));
    server = new AuthorityServerDouble(
      new AuthorityDouble({ contractText: gatewayText, deviceIds: gatewayIds }),
    );
    await server.listen();
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const client = (change: Partial<ConstructorParameters<typeof HttpsAuthorityClient>[0]> = {}) =>
    new HttpsAuthorityClient({
      url: server.url,
      authorityCaPem: server.authorityCaPem,
      identity: server.identity(),
      ...change,
    });

  it('asks with its certificate, and with the session once it has one', async () => {
    const station = client();
    const view = await station.call('openSession', {}, hello);
    const { text } = await station.call('contract', { contract_sha256: view.orders[0]!.contract_sha256 }, {});
    assert.equal(text, gatewayText);
    const [first, second] = server.seen.slice(-2);
    assert.deepEqual(first, { path: '/station/v1/session', session: undefined, certificate: true });
    assert.equal(second?.session, view.session_id);
    assert.match(second!.path, /\/contracts\/[0-9a-f]{64}$/);
    await station.close();
  });

  it("gives the authority's refusal by its own code and hint", async () => {
    const newcomer = client();
    await assert.rejects(newcomer.call('endAttempt', { job_id: 'j-none' }, end), code('unknown_job'));
    await newcomer.close();
    const { authorityCaPem } = server;
    const nobody = new HttpsAuthorityClient({ url: server.url, authorityCaPem });
    await assert.rejects(nobody.call('openSession', {}, hello), code('not_authenticated'));
    await nobody.close();
  });

  it('I-20: says nothing to a server that is not under the pinned root', async () => {
    const other = new AuthorityServerDouble(server.authority);
    const station = client({ authorityCaPem: other.authorityCaPem });
    const before = server.seen.length;
    await assert.rejects(
      station.call('openSession', {}, hello),
      code('unavailable', /not the authority that this station knows/),
    );
    assert.equal(server.seen.length, before);
    await station.close();
  });

  it('takes no answer that is too large, no JSON, or of another shape', async () => {
    const cases: [(response: import('node:http').ServerResponse) => void, ErrorCode][] = [
      [(response) => response.writeHead(200).end('x'.repeat(2_000_000)), 'unavailable'],
      [(response) => response.writeHead(200).end('<html>proxy</html>'), 'unavailable'],
      [(response) => response.writeHead(502).end('{}'), 'unavailable'],
      [(response) => response.writeHead(200).end('{"session_id":"s","admin":true}'), 'bad_request'],
      [(response) => response.destroy(), 'unavailable'],
    ];
    for (const [disturb, expected] of cases) {
      server.disturb = (_, response) => {
        disturb(response);
        return true;
      };
      const station = client();
      await assert.rejects(station.call('openSession', {}, hello), code(expected));
      await station.close();
    }
    server.disturb = () => false;
  });

  it('says that nobody is there', async () => {
    const station = client({ url: 'https://127.0.0.1:1' });
    await assert.rejects(station.call('openSession', {}, hello), code('unavailable', /no answer/));
    await station.close();
  });

  describe('enrolment', () => {
    const enrol = (name: string, token: string, show: (fingerprint: string) => void = () => {}) =>
      enrolStation({ folder: join(folder, name), token, timers: hurriedTimers, patienceMs: 10_000, show });

    it('I-28: makes its key here, shows its fingerprint, and works once a person has confirmed it', async () => {
      const shown: string[] = [];
      const settings = await enrol('st', server.token(), (fingerprint) => {
        shown.push(fingerprint);
        server.confirmed.add(fingerprint);
      });
      assert.equal(shown.length, 1);
      assert.equal(settings.station_id, 'station-1');
      const home = openStationHome(join(folder, 'st'));
      assert.equal(statSync(join(folder, 'st', 'station-key.pem')).mode & 0o777, 0o600);
      const { settings: kept, identity, authorityCaPem } = home;
      assert.deepEqual(kept, settings);
      const station = new HttpsAuthorityClient({ url: settings.authority_url, authorityCaPem, identity });
      assert.equal((await station.call('openSession', {}, hello)).realm, 'dev');
      await station.close();
      await assert.rejects(enrol('st', server.token()), code('home_exists'));
    });

    it('a folder whose key others can read is refused', async () => {
      const key = join(folder, 'st', 'station-key.pem');
      chmodSync(key, 0o640);
      assert.throws(() => openStationHome(join(folder, 'st')), code('file_invalid', /read by others/));
      chmodSync(key, 0o600);
    });

    it('sends its secret to nobody but the pinned authority', async () => {
      const seen = server.seen.length;
      await assert.rejects(
        enrol('pin', server.token({ pin_sha256: '11'.repeat(32) })),
        code('token_invalid'),
      );
      assert.equal(server.seen.length, seen);
      assert.ok(!existsSync(join(folder, 'pin', 'station.json')));
    });

    it('refuses what is no token, without repeating it', async () => {
      const secret = 'imprint-token-v1.c2VjcmV0';
      await assert.rejects(
        enrol('bad', secret),
        (error) => code('token_invalid')(error) && !(error as Error).message.includes('c2Vj'),
      );
    });

    it('goes on with the same key where it was broken off before the confirmation', async () => {
      const other = new AuthorityServerDouble(server.authority);
      await other.listen();
      const shown: string[] = [];
      const token = other.token();
      await assert.rejects(
        enrol('again', token, (fingerprint) => shown.push(fingerprint)),
        code('station_pending'),
      );
      const key = readFileSync(join(folder, 'again', 'station-key.pem'), 'utf8');
      other.confirmed.add(shown[0]!);
      await enrol('again', token, (fingerprint) => shown.push(fingerprint));
      assert.equal(shown[0], shown[1]);
      assert.equal(readFileSync(join(folder, 'again', 'station-key.pem'), 'utf8'), key);
      await other.close();
    });

    it('settings that nobody wrote are refused', () => {
      const path = join(folder, 'st', 'station.json');
      const good = JSON.parse(readFileSync(path, 'utf8'));
      assert.deepEqual(openStationHome(join(folder, 'st')).settings, good);
      const lane = { lane: 1, port: 'tcp://127.0.0.1:1' };
      for (const bad of [
        { ...good, admin: true },
        { ...good, key_file: '../key' },
        { ...good, lanes: [lane, lane] },
        { ...good, realm: 'live' },
      ]) {
        writeFileSync(path, JSON.stringify(bad));
        assert.throws(() => openStationHome(join(folder, 'st')), code('file_invalid'));
      }
      assert.throws(() => openStationHome(join(folder, 'nowhere')), code('home_missing'));
    });
  });
});

const end = {
  request_id: '0'.repeat(32),
  attempt: 1,
  outcome: 'failed' as const,
  step: null,
  failure_code: null,
  reason: null,
  durations_ms: {},
};
