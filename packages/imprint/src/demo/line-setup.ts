/**
 * Sets a whole line up on this machine: an authority of the dev realm with an order, a provisioning and a packing
 * station, and simulated units behind real ports. Every part is a process of its own, as in a factory.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkContract } from '@imprint/authority/registry/contracts';
import { registerOperator } from '@imprint/authority/registry/operators';
import { createOrder } from '@imprint/authority/registry/orders';
import { confirmStation } from '@imprint/authority/stations/enrolment';
import { inviteStation } from '@imprint/authority/stations/invite';
import { toHex } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import { certificateFiles } from '../authority-home.ts';
import { initAuthority } from '../init-authority.ts';
import { type OpenAuthority, openAuthority, systemEntropy } from '../open-authority.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import type { Child } from './child.ts';
import type { DemoOptions } from './options.ts';

export const contractFile = fileURLToPath(
  new URL('../../../../examples/contracts/gateway.yaml', import.meta.url),
);
const orderDays = 30;

/** A fixture of a simulator process; a lane of a station is plugged into it. */
export interface Fixture {
  sim: Child;
  fixture: number;
  port: string;
}

/** One simulator with the units that it holds, its provisioning fixtures and its one packing fixture. */
export interface Tray {
  sim: Child;
  firstUnit: number;
  units: number;
  lanes: (Fixture & { lane: number })[];
  packing: Fixture & { lane: number };
}

export interface DemoLine {
  authorityHome: string;
  authority: OpenAuthority;
  publicUrl: string;
  /** Device IDs of the order, as labels on the units: unit n bears the n-th. */
  deviceIds: string[];
  orderId: string;
  station: Child;
  packing: Child;
  trays: Tray[];
}

/** Starts a process of the line; whoever gave the function also ends the process. */
export type StartChild = (name: string, args: string[]) => Child;

/** Sets everything up; `say` hears one sentence a step. */
export async function setUpLine(
  options: DemoOptions,
  start: StartChild,
  say: (sentence: string) => void,
): Promise<DemoLine> {
  const authorityHome = join(options.home, 'authority');
  say('making an authority of the dev realm: root, CAs, log key, database');
  await initAuthority(authorityHome, {
    version: 1,
    realm: 'dev',
    organization: 'Example Devices',
    log_origin: 'imprint.local/demo',
    hosts: [],
    listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
    minimum_station_version: '0.1.0',
  });
  const authority = await openAuthority(authorityHome);
  say('starting its listeners');
  const serve = start('serve', ['serve', '--home', authorityHome, '--json']);
  const ready = await serve.next(({ event }) => event === 'ready');
  const [stationUrl, publicUrl] = [String(ready.station), String(ready.public)];

  say(`creating an order for ${options.devices} units`);
  const { orderId, deviceIds } = await makeOrder(authority, options.devices);
  const badge = `OP-${toHex(systemEntropy(8))}`;
  const { line } = await authority.unlock();
  const operator = { name: 'Demo Operator', badge };
  await registerOperator(authority.ledger, systemEntropy, authority.person, operator, line.badgeHash);

  say(`laying ${options.devices} simulated units into trays`);
  const trays = await startTrays(options, join(authorityHome, 'certificates', certificateFiles.root), start);
  const lanes = trays.flatMap((tray) => tray.lanes);
  say(`enrolling two stations: ${lanes.length} lanes to provision, ${trays.length} to pack`);
  const [station, packing] = await Promise.all([
    startStation(options, authority, stationUrl, 'st-1', 'provision', lanes, badge, start),
    startStation(
      options,
      authority,
      stationUrl,
      'pack-1',
      'pack',
      trays.map((tray) => tray.packing),
      badge,
      start,
    ),
  ]);
  return { authorityHome, authority, publicUrl, deviceIds, orderId, station, packing, trays };
}

/** An order of the gateway's contract, with as many generated IDs as there are devices. */
export async function makeOrder(
  authority: OpenAuthority,
  devices: number,
): Promise<{ orderId: string; deviceIds: string[] }> {
  const { ledger, entropy, person, clock } = authority;
  const checked = checkContract(readBoundedFile(contractFile, limits.yamlBytes), contractFile);
  const orderId = 'demo-1';
  const now = clock().getTime();
  await createOrder(ledger, entropy, person, checked, {
    orderId,
    sku: checked.contract.skus[0]!,
    lot: 'lot-1',
    quantity: devices,
    scrapAllowance: 0,
    sites: ['site-1'],
    stations: ['st-1', 'pack-1'],
    opensAt: new Date(now).toISOString(),
    closesAt: new Date(now + orderDays * 86_400_000).toISOString(),
    ids: { source: 'generated', site: 'M1', year: authority.clock().getUTCFullYear() },
  });
  const rows = await ledger.reader
    .selectFrom('device')
    .select('device_id')
    .where('order_id', '=', orderId)
    .orderBy('device_id')
    .execute();
  return { orderId, deviceIds: rows.map((row) => row.device_id) };
}

/** Starts the simulators; every lane and one packing place each get a fixture. */
export async function startTrays(options: DemoOptions, rootFile: string, start: StartChild): Promise<Tray[]> {
  const trayCount = Math.min(options.lanes, options.trays, options.devices);
  const share = (total: number, at: number) =>
    Math.floor((total * (at + 1)) / trayCount) - Math.floor((total * at) / trayCount);
  const starting: Promise<Tray>[] = [];
  let firstUnit = 1;
  let firstLane = 1;
  for (let at = 0; at < trayCount; at++) {
    const units = share(options.devices, at);
    const lanes = share(options.lanes, at);
    starting.push(startTray(options, rootFile, { at, firstUnit, units, firstLane, lanes }, start));
    firstUnit += units;
    firstLane += lanes;
  }
  return Promise.all(starting);
}

async function startTray(
  options: DemoOptions,
  rootFile: string,
  tray: { at: number; firstUnit: number; units: number; firstLane: number; lanes: number },
  start: StartChild,
): Promise<Tray> {
  const { at, firstUnit, units, firstLane, lanes } = tray;
  const sim = start(`sim ${at + 1}`, [
    'sim',
    ...['--units', String(units), '--first-unit', String(firstUnit), '--fixtures', String(lanes + 1)],
    ...['--link', options.link, '--contract', options.contract ?? contractFile, '--root', rootFile],
    ...['--seed', options.seed, '--faults', String(options.faults), '--json'],
  ]);
  const ready = await sim.next(({ event }) => event === 'ready');
  const fixtures = (ready.fixtures as { fixture: number; port: string }[]).map((one) => ({ sim, ...one }));
  return {
    sim,
    firstUnit,
    units,
    lanes: fixtures.slice(0, lanes).map((fixture, index) => ({ ...fixture, lane: firstLane + index })),
    packing: { ...fixtures[lanes]!, lane: at + 1 },
  };
}

/** Invites, enrols and starts a station, and signs its operator in; it is at work when this returns. */
export async function startStation(
  options: DemoOptions,
  authority: OpenAuthority,
  url: string,
  stationId: string,
  work: 'provision' | 'seal' | 'pack',
  lanes: (Fixture & { lane: number })[],
  badge: string,
  start: StartChild,
): Promise<Child> {
  const home = join(options.home, stationId);
  const { stations } = await authority.unlock();
  const { token } = await inviteStation(stations, authority.person, {
    stationId,
    site: 'site-1',
    line: 'line-1',
    lanes: lanes.length,
    url,
  });
  const tokenFile = join(options.home, `${stationId}.token`);
  if (!existsSync(options.home)) mkdirSync(options.home, { recursive: true, mode: 0o700 });
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  const enrolling = start(`enrol ${stationId}`, [
    'station',
    'enroll',
    '--token-file',
    tokenFile,
    '--home',
    home,
    '--json',
  ]);
  const shown = await enrolling.next(({ event }) => event === 'fingerprint');
  // In a factory a person compares the two screens here; the demo plays that person.
  await confirmStation(stations, authority.person, stationId, String(shown.fingerprint));
  await enrolling.ends();
  const station = start(stationId, [
    'station',
    'run',
    ...['--home', home, '--json'],
    ...lanes.flatMap(({ lane, port }) => [
      '--lane',
      work === 'provision' ? `${lane}=${port}` : `${lane}:${work}=${port}`,
    ]),
  ]);
  await station.next(({ event }) => event === 'ready');
  await station.ask(badge, ({ event }) => event === 'shift');
  return station;
}
