import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AuthorityDouble } from '@imprint/station/authority.double';
import { AuthorityServerDouble } from '@imprint/station/authority-server.double';
import { openJournal } from '@imprint/station/journal';
import { openAuthority } from '../open-authority.ts';
import { buildProgram } from '../program.ts';
import { runProgram } from '../run-program.ts';

const program = fileURLToPath(new URL('../../bin/imprint.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'imprint-station-checkpoint-'));
after(() => rmSync(folder, { recursive: true }));
const station = join(folder, 'station');
const home = join(folder, 'authority');
const imprint = async (...args: string[]) =>
  runProgram(await buildProgram(args), ['node', 'imprint', ...args, '--json']);
const refused = () => imprint('station', 'checkpoint', '--home', station);
const printed = (...more: string[]) =>
  spawnSync(process.execPath, [program, 'station', 'checkpoint', '--home', station, ...more], {
    encoding: 'utf8',
    timeout: 60_000,
  });
const journal = () => openJournal(join(station, 'journal.sqlite'), () => '2026-01-10T00:00:00.000Z').journal;

test('I-16: what a station remembers is printed as audit verify takes it, and is read without changing the journal', async () => {
  assert.equal(await imprint('init', '--home', home), 0);
  const authority = await openAuthority(home);
  const { checkpoints } = await authority.unlock();
  const { text } = await checkpoints.latest();
  const logKey = checkpoints.verifierKey;
  await authority.close();
  enrol();
  assert.equal(await refused(), 1);
  assert.ok(!existsSync(join(station, 'journal.sqlite')));

  const running = journal();
  running.recordFact('log_key', logKey);
  running.recordFact('checkpoint', text);
  running.recordFact('log_size', '9');
  assert.equal(await refused(), 1, 'the station runs');
  running.close();

  const { stdout, stderr } = printed();
  assert.equal(stdout, text);
  assert.match(stderr, /size 8; the log has had size 9/);
  const facts = JSON.parse(printed('--json').stdout);
  assert.deepEqual([facts.size, facts.log_size, facts.checkpoint], [8, 9, text]);
  const note = join(folder, 'st-1.note');
  writeFileSync(note, stdout);
  assert.equal(await imprint('audit', 'verify', '--home', home, '--checkpoint', note), 0);

  copyFileSync(note, join(station, 'journal.sqlite'));
  assert.equal(await refused(), 1, 'a damaged journal');
  assert.ok(existsSync(join(station, 'journal.sqlite')));
});

/** A station's folder, as enrolment leaves it. */
function enrol(): void {
  const contractText = readFileSync(
    new URL('../../../../examples/contracts/gateway.yaml', import.meta.url),
    'utf8',
  );
  const server = new AuthorityServerDouble(new AuthorityDouble({ contractText, deviceIds: [] }));
  const { certificatePem, keyPem } = server.identity();
  const settings = {
    station_version: 1,
    realm: 'dev',
    station_id: 'station-1',
    authority_url: 'https://localhost:7443',
    authority_ca_file: 'authority-ca.pem',
    certificate_file: 'station.pem',
    key_file: 'station-key.pem',
    lanes: [],
  };
  mkdirSync(station, { mode: 0o700 });
  for (const [name, text] of [
    ['station-key.pem', keyPem],
    ['station.pem', certificatePem],
    ['authority-ca.pem', server.authorityCaPem],
    ['station.json', JSON.stringify(settings)],
  ] as const) {
    writeFileSync(join(station, name), text, { mode: 0o600 });
  }
}
