import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { StationRouteName } from '@imprint/contract/api/station';
import { Fixture } from '@imprint/sim/fixture';
import type { AuthorityClient } from './authority-client.ts';
import { Bench, FixtureLink, gatewayIds } from './bench.double.ts';
import type { LineEvent } from './line-event.ts';
import { startLine } from './start-line.ts';
import { systemTimers } from './timers.ts';

describe('a station as it is started', { timeout: 60_000 }, () => {
  it('asks for the certificates of a gang fixture together', async () => {
    using bench = new Bench();
    const fixtures = new Map([1, 2, 3].map((lane) => [lane, new Fixture()]));
    for (const fixture of fixtures.values()) fixture.load(bench.newUnit());
    const asked: StationRouteName[] = [];
    const events: LineEvent[] = [];
    // the first certificate is held until every lane has asked: a shift, a job for each lane, and then their keys
    const requestsOfAll = 1 + 2 * fixtures.size;
    const allAsked = Promise.withResolvers<void>();
    let requests = 0;
    const authority: AuthorityClient = {
      call: async (route, params, request) => {
        asked.push(route);
        if (route === 'issueCredential') await allAsked.promise;
        return bench.authority.call(route, params, request);
      },
    };
    const { line } = await startLine({
      settings: {
        station_version: 1,
        realm: 'dev',
        station_id: 'station-1',
        authority_url: 'https://authority.example',
        authority_ca_file: 'authority-ca.pem',
        certificate_file: 'station.pem',
        key_file: 'station-key.pem',
        lanes: [...fixtures.keys()].map((lane) => ({
          lane,
          port: `fixture-${lane}`,
          operation: 'provision',
        })),
      },
      configurationSha256: '0'.repeat(64),
      authority,
      opened: { journal: bench.journal, setAside: null },
      timers: systemTimers,
      now: () => new Date(),
      newRequestId: () => {
        requests++;
        if (requests === requestsOfAll) setImmediate(() => allAsked.resolve());
        return randomBytes(16).toString('hex');
      },
      labels: { print: async () => '' },
      emit: (event) => events.push(event),
      linkTo: ({ lane }) => new FixtureLink(fixtures.get(lane)!),
    });
    await line.scan('OP-1001');
    for (const lane of fixtures.keys()) await line.scan(`LANE-${lane} ${gatewayIds[lane]}`);
    await line.idle();
    for (const fixture of fixtures.values()) fixture.unload();
    assert.deepEqual(
      events.filter(({ event }) => event === 'passed' || event === 'failed').map(({ event }) => event),
      ['passed', 'passed', 'passed'],
    );
    assert.deepEqual(
      asked.filter((route) => route.startsWith('issueCredential')),
      ['issueCredential', 'issueCredentials'],
    );
  });
});
