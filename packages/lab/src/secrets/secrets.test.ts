/** The demo with faults, in its real processes: after it, no secret that it created stands anywhere but where it must. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { seededEntropy } from '@imprint/sim/entropy';
import { type CreatedSecret, createdSecrets, secretKinds } from './created-secrets.ts';
import { askPublicListener, exportEverything, mistakeSecrets } from './exercises.ts';
import { leak } from './leak.test-kit.ts';
import { RecordedRun, type RunPlace } from './recorded-run.ts';
import { type Hit, SecretSearch } from './search.ts';

const seed = 'secrets 1';
const devices = 4;
const stations = ['st-1', 'pack-1'];

describe(`the secrets of a demo (seed ${seed})`, { timeout: 120_000 }, () => {
  const run = new RecordedRun();
  after(() => run.remove());
  const canary = { name: 'the canary', kind: 'canary', values: [seededEntropy(seed, 'canary')(32)] };
  let secrets: CreatedSecret[];
  let places: RunPlace[];
  let hits: Hit<CreatedSecret>[];
  let crashes: string;

  before(async () => {
    const faults = ['--devices', String(devices), '--lanes', '2', '--faults', '0.05', '--seed', seed];
    const { publicUrl, stop } = await run.demo(faults);
    const badge = scannedBadge(run.places());
    secrets = await createdSecrets({ home: run.path('home'), stations, seed, devices, badge });
    const [, deviceId] = /"passed".*?"device_id":"([^"]+)"/.exec(outputOf(run, 'station run st-1'))!;
    const answers = await askPublicListener(publicUrl);
    await exportEverything(run, deviceId!);
    // While databases are open their last pages stand in files of their own.
    const whileUp = run.places();
    await run.crash('station run st-1');
    await mistakeSecrets(run, badge);
    for (const role of ['sim', 'serve authority']) await run.crash(role);
    await stop();
    crashes = outputOf(run, 'demo home', 'pipe in');
    places = [...answers, ...whileUp, ...run.places()];
    const search = new SecretSearch(secrets);
    hits = places.flatMap((place) => search.in(place));
  });

  it('I-19, I-28: stand in no file, log, export, database, answer, argument or captured byte but their own', () => {
    const leaks = hits
      .filter(({ secret, place }) => !secret.standsIn.some((own) => own.test(place.name)))
      .map(({ secret, place, form }) => `${secret.name} stands in ${place.name} as ${form}`);
    assert.deepEqual([...new Set(leaks)], []);
  });

  it('are each seen where they must stand, in files that only their owner reads', () => {
    for (const secret of secrets) {
      for (const own of secret.standsIn) {
        const seen = hits.some((hit) => hit.secret === secret && own.test(hit.place.name));
        assert.ok(seen, `${secret.name} is not where it must be (${own}): the search is blind there`);
      }
    }
    const files = hits.flatMap(({ place }) => (place as RunPlace).mode ?? []);
    assert.ok(files.length >= 2 * stations.length + 1);
    for (const mode of files) assert.equal(mode, 0o600);
  });

  it('are of every kind, and every kind of place was searched', () => {
    for (const kind of secretKinds)
      assert.ok(
        secrets.some((secret) => secret.kind === kind),
        kind,
      );
    const searched = new Map<string, number>();
    for (const { kind, bytes } of places) searched.set(kind, (searched.get(kind) ?? 0) + bytes.length);
    for (const kind of placeKinds) assert.ok((searched.get(kind) ?? 0) > 0, `no ${kind} was searched`);
    assert.match(outputOf(run, 'station run st-1', 'tls in'), /"session_id"/);
    assert.match(outputOf(run, 'serve authority', 'tls out'), /"session_id"/);
    assert.match(outputOf(run, 'sim', 'tcp in'), /"cmd":"generate_key"/);
    assert.ok(places.some(({ name, bytes }) => name.endsWith('imprint.db-wal') && bytes.length > 0));
  });

  it('would be seen wherever a process can leak them', async () => {
    await leak(run, canary.values[0]!);
    const search = new SecretSearch([canary]);
    const seen = run.places().flatMap((place) => search.in(place).map(() => place.kind));
    for (const kind of leakKinds) assert.ok(seen.includes(kind), `a leak into ${kind} is not seen`);
  });

  it('I-28: no process would write its memory down, and a crash leaves a stack and no file', () => {
    assert.equal(crashes.match(/Error: a provoked fault/g)?.length, 3, crashes);
    const written = readdirSync(run.path('working')).filter((name) => !name.startsWith('leak'));
    assert.deepEqual(written, []);
    for (const { role, writesReports, nodeOptions } of run.processes()) {
      assert.equal(writesReports, false, role);
      const dumps = nodeOptions.filter((option) =>
        /^--(report|heapsnapshot|heap-prof|cpu-prof|abort-on)/.test(option),
      );
      assert.deepEqual(dumps, [], role);
    }
  });
});

const streams = ['stdin in', 'stdout out', 'tcp in', 'tcp out', 'tls in', 'tls out', 'pipe in', 'pipe out'];
const placeKinds = [
  'file',
  'database',
  'export',
  'output',
  'public answer',
  'arguments',
  'environment',
  ...streams,
];
const leakKinds = [
  ...['file', 'database', 'export', 'output', 'arguments', 'environment'],
  ...['stdin in', 'stdout out', 'stderr out', 'tcp in', 'tcp out'],
];

/** As text what one kind of process said over one kind of stream. */
function outputOf(run: RecordedRun, role: string, kind = 'stdout out'): string {
  return run
    .places()
    .filter((place) => place.name.startsWith(`${role}: `) && place.kind === kind)
    .map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
    .join('\n');
}

function scannedBadge(places: readonly RunPlace[]): string {
  const scans = places.find(({ name }) => /^station run st-1: stdin/.test(name))!;
  return /^OP-[0-9a-f]{16}$/m.exec(Buffer.from(scans.bytes).toString())![0];
}
