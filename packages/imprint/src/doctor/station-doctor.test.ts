/** Each check of a station says what is wrong where it is, and is well where it is not. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AuthorityDouble } from '@imprint/station/authority.double';
import { AuthorityServerDouble } from '@imprint/station/authority-server.double';
import { openJournal } from '@imprint/station/journal';
import { openStationHome } from '@imprint/station/station-home';
import { place } from '../backup/homes.test-kit.ts';
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';
import { type Checked, runChecks } from './check.ts';
import { stationChecks } from './station/checks.ts';
import type { StationFacts } from './station/facts.ts';

const under = place(after);
const station = under('station');
const contractText = readFileSync(
  new URL('../../../../examples/contracts/gateway.yaml', import.meta.url),
  'utf8',
);
const server = new AuthorityServerDouble(new AuthorityDouble({ contractText, deviceIds: [] }));

before(async () => {
  await server.listen();
  const { certificatePem, keyPem } = server.identity();
  mkdirSync(station, { mode: 0o700 });
  const settings = {
    ...{ station_version: 1, realm: 'dev', station_id: 'station-1', authority_url: server.url },
    ...{
      authority_ca_file: 'authority-ca.pem',
      certificate_file: 'station.pem',
      key_file: 'station-key.pem',
    },
    lanes: [{ lane: 1, port: '/dev/ttyUSB0' }],
  };
  for (const [name, text] of [
    ['station-key.pem', keyPem],
    ['station.pem', certificatePem],
    ['authority-ca.pem', server.authorityCaPem],
    ['station.json', JSON.stringify(settings)],
  ] as const) {
    writeFileSync(join(station, name), text, { mode: 0o600 });
  }
});
after(() => server.close());

async function examine(folder: string, facts: Partial<StationFacts> = {}): Promise<Checked[]> {
  let opened: StationFacts['opened'];
  try {
    opened = openStationHome(folder);
  } catch (error) {
    opened = error as Error;
  }
  return runChecks(stationChecks, {
    ...{ folder, opened, now: () => new Date(), uid: process.getuid!(), groups: ['dialout'] },
    kernel: {
      mountinfo: () => '',
      read: () => undefined,
      list: () => [],
      real: (path) => path,
      device: () => undefined,
    },
    ...facts,
  });
}
const said = async (name: string, folder = station, facts: Partial<StationFacts> = {}) =>
  (await examine(folder, facts)).find((one) => one.name === name)!;
let copies = 0;
function copy(): string {
  const folder = under(`copy-${copies++}`);
  cpSync(station, folder, { recursive: true });
  return folder;
}
const inDays = (days: number) => () => new Date(Date.now() + days * 86_400_000);

test('a station that is well has nothing to fail', async () => {
  const checks = await examine(station);
  assert.deepEqual(
    checks.filter(({ verdict }) => verdict === 'fail'),
    [],
  );
  assert.match((await said('station')).detail, /station-1 of the dev realm, 1 lanes/);
});

test('its clock is held against the authority’s without a session, and one that nobody answers is unknown', async () => {
  assert.equal((await said('clock')).verdict, 'ok');
  const late = await said('clock', station, { now: inDays(-1) });
  assert.equal(late.verdict, 'warn');
  assert.match(late.detail, /86(39|40)\d s off/);
  const folder = copy();
  const file = join(folder, 'station.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/localhost:\d+|127\.0\.0\.1:\d+/, 'localhost:1'), {
    mode: 0o600,
  });
  assert.equal((await said('clock', folder)).verdict, 'unknown');
});

test('its certificate is told before it ends, and after', async () => {
  const at = async (days: number) => (await said('certificate', station, { now: inDays(days) })).verdict;
  assert.equal(await at(0), 'ok');
  assert.equal(await at(200_000), 'fail');
});

test('root, and a user who may not open a serial port, are told', async () => {
  assert.match((await said('user', station, { uid: 0 })).detail, /runs as root/);
  assert.match(
    (await said('user', station, { uid: 1000, groups: ['users'] })).detail,
    /no group of serial ports/,
  );
  assert.equal((await said('user', station, { uid: 1000, groups: ['dialout'] })).verdict, 'ok');
  const mighty = await said('user', station, { uid: 1000, groups: ['dialout', 'sudo'] });
  assert.deepEqual(
    [mighty.verdict, /in sudo, whose members can become root/.test(mighty.detail)],
    ['warn', true],
  );
});

test('a folder that others may open is told, and a key that they may read opens no station', async () => {
  const open = copy();
  chmodSync(open, 0o755);
  assert.equal((await said('files', open)).verdict, 'fail');
  const key = copy();
  chmodSync(join(key, 'station-key.pem'), 0o644);
  assert.equal((await said('station', key)).verdict, 'fail');
  assert.equal((await said('journal', key)).verdict, 'unknown');
});

test('reports that wait too long and a journal that keeps too much are told, and one at work is unknown', async () => {
  const folder = copy();
  const { journal } = openJournal(join(folder, 'journal.sqlite'), () => '2026-01-10T00:00:00.000Z');
  journal.recordRequest({ request_id: '0'.repeat(32), route: 'endAttempt', params: '{}', body: '{}' }, true);
  assert.equal((await said('journal', folder)).verdict, 'unknown');
  journal.close();
  const now = (time: string) => ({ now: () => new Date(time) });
  assert.match(
    (await said('journal', folder, now('2026-01-10T05:00:00Z'))).detail,
    /1 reports wait, not for long/,
  );
  const old = await said('journal', folder, now('2026-01-12T00:00:00Z'));
  assert.deepEqual(
    [old.verdict, /1 reports wait, the oldest since 2026-01-10/.test(old.detail)],
    ['warn', true],
  );
  assert.match(
    (await said('journal', folder, now('2026-03-12T00:00:00Z'))).detail,
    /longer than its 30 days/,
  );
  const none = copy();
  assert.equal((await said('journal', none)).verdict, 'ok');
});

test('the command ends with 1 where a check fails, and a folder that is none is told as such', async () => {
  const doctor = async (...args: string[]) =>
    runProgram(await buildProgram(['doctor']), ['node', 'imprint', 'doctor', ...args, '--json']);
  const bad = copy();
  rmSync(join(bad, 'station.pem'));
  assert.equal(await doctor('--station', bad), 1);
  assert.equal(await doctor('--station', under('nowhere')), 1);
});
