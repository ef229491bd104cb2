/** A line whose authority is several processes on one database, behind a balancer that knows nothing of sessions, and each of them killed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@imprint/authority/audit/verify';
import { registerOperator } from '@imprint/authority/registry/operators';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { certificateFiles } from './authority-home.ts';
import { Child } from './demo/child.ts';
import { makeOrder, startStation, startTrays } from './demo/line-setup.ts';
import { workOrder } from './demo/operators.ts';
import type { DemoOptions } from './demo/options.ts';
import { Progress } from './demo/progress.ts';
import { initAuthority } from './init-authority.ts';
import { openAuthority, systemEntropy } from './open-authority.ts';

const mainFile = fileURLToPath(new URL('./main.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'imprint-replicas-'));
const children: Child[] = [];
const start = (name: string, args: string[]) => {
  const child = new Child(name, args);
  children.push(child);
  return child;
};
after(async () => {
  for (const child of children.reverse()) await child.stop();
  rmSync(place, { recursive: true, force: true });
});
// its end comes after theirs
const server = await TestServer.start();

interface Replica {
  child: Child;
  station: URL;
  public: URL;
}

/** The processes of one authority, each with ports of its own. */
class Replicas {
  readonly #home: string;
  readonly running: Replica[] = [];
  #turn = 0;

  constructor(home: string) {
    this.#home = home;
  }

  async add(): Promise<void> {
    const ports = ['--station-port', '0', '--public-port', '0'];
    const child = start('serve', ['serve', '--home', this.#home, ...ports, '--json']);
    const ready = await child.next(({ event }) => event === 'ready');
    this.running.push({
      child,
      station: new URL(String(ready.station)),
      public: new URL(String(ready.public)),
    });
  }

  /** Kills the one that has run longest, in the middle of whatever it does. */
  async kill(): Promise<void> {
    const { child } = this.running.shift()!;
    process.kill(child.pid!, 'SIGKILL');
    await child.ends();
  }

  /** Gives each new connection to the next of them. Resolves to the URL for stations. */
  async balance(): Promise<string> {
    const balancer = createServer((client) => {
      const replica = this.running[this.#turn++ % this.running.length]!;
      const target = connect(Number(replica.station.port), '127.0.0.1');
      for (const [one, other] of [
        [client, target],
        [target, client],
      ] as const) {
        one.on('error', () => undefined).on('close', () => other.destroy());
        one.pipe(other);
      }
    });
    after(() => balancer.close());
    balancer.listen(0, '127.0.0.1');
    await once(balancer, 'listening');
    return `https://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
  }
}

test('I-2, I-16, I-29: replicas that are killed and a database that restarts lose no unit and double none', {
  timeout: 240_000,
}, async () => {
  const options: DemoOptions = {
    ...{ devices: 16, lanes: 4, trays: 1, faults: 0, seed: 'replicas', home: place, link: 'tcp' },
    ...{ keep: false, json: true },
  };
  const authorityHome = join(place, 'authority');
  await initAuthority(authorityHome, {
    version: 1,
    realm: 'dev',
    organization: 'Example Devices',
    log_origin: 'imprint.local/replicas',
    hosts: [],
    listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
    minimum_station_version: '0.1.0',
    database: await server.database(),
  });
  const authority = await openAuthority(authorityHome);
  const replicas = new Replicas(authorityHome);
  await Promise.all([replicas.add(), replicas.add(), replicas.add()]);
  const stationUrl = await replicas.balance();
  const { orderId, deviceIds } = await makeOrder(authority, options.devices);
  const badge = 'OP-0123456789abcdef';
  const { line } = await authority.unlock();
  const person = { name: 'Test Person', badge };
  await registerOperator(authority.ledger, systemEntropy, authority.person, person, line.badgeHash);
  const trays = await startTrays(options, join(authorityHome, 'certificates', certificateFiles.root), start);
  const [station, packing] = await Promise.all([
    startStation(options, authority, stationUrl, 'st-1', 'provision', trays[0]!.lanes, badge, start),
    startStation(options, authority, stationUrl, 'pack-1', 'pack', [trays[0]!.packing], badge, start),
  ]);
  const checkpoints: string[] = [];
  const keepCheckpoint = async () => {
    const answer = await fetch(new URL('/checkpoint', replicas.running.at(-1)!.public));
    assert.equal(answer.status, 200);
    checkpoints.push(await answer.text());
  };

  const progress = new Progress(options.devices, () => performance.now());
  const publicUrl = String(replicas.running[0]!.public);
  const demo = { authorityHome, authority, publicUrl, deviceIds, orderId, station, packing, trays };
  const working = workOrder(demo, progress);
  const passed = () => station.next(({ event }) => event === 'passed' || event === 'failed');
  for (const strike of [
    () => replicas.kill(),
    () => server.stop('fast').then(() => server.start()),
    () => replicas.add().then(() => replicas.kill()),
    () => server.stop('immediate').then(() => server.start()),
    () => replicas.add(),
  ]) {
    await Promise.race([passed(), working]);
    await keepCheckpoint();
    await strike();
  }
  await working;
  await keepCheckpoint();

  assert.deepEqual([progress.count('done'), progress.packed], [options.devices, options.devices]);
  await withSnapshot(authority.storage, async (reader) => {
    const earlier = { texts: checkpoints, key: authority.logKey };
    const report = await verifyLog(reader, { realm: 'dev', earlier });
    assert.deepEqual(report.findings, []);
    const active = await reader
      .selectFrom('credential')
      .select('device_id')
      .where('status', '=', 'active')
      .execute();
    assert.deepEqual(active.map(({ device_id }) => device_id).sort(), [...deviceIds].sort());
    assert.deepEqual(await reader.selectFrom('alarm').selectAll().execute(), []);
  });
  await authority.close();
  for (const words of [
    ['order', 'show', orderId],
    ['order', 'list'],
    ['device', 'list'],
    ['device', 'show', deviceIds[0]!, '--as-built'],
    ['audit', 'prove', deviceIds[0]!],
    ...[
      ['sample', 'list'],
      ['station', 'list'],
      ['operator', 'list'],
      ['clock', 'show'],
      ['audit', 'export'],
    ],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [mainFile, ...words, '--home', authorityHome]);
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
  }
});
