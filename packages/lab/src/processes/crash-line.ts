/**
 * A whole line of real processes that a test kills: an authority, one station, a simulator with its units, and a wire
 * that can be cut between any two of them. Units are laid in and scanned by people who scan again after whatever happened.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { registerOperator } from '@imprint/authority/registry/operators';
import { certificateFiles } from 'imprint/authority-home';
import { Child, type ChildEvent } from 'imprint/demo/child';
import { type Fixture, makeOrder, startStation, startTrays, type Tray } from 'imprint/demo/line-setup';
import type { DemoOptions } from 'imprint/demo/options';
import { type OpenAuthority, openAuthority, systemEntropy } from 'imprint/open-authority';
import { startFromCompiledCode } from './compiled-code.ts';
import { CrashProcess } from './crash-process.ts';
import { leaveNothingBehind } from './leave-nothing-behind.ts';
import { makeQuickAuthority } from './quick-authority.ts';
import { Wire } from './wire.ts';

export const badge = 'OP-c4a5';
/** A person scans a unit again this often; a unit that needs more is stuck. */
const scansPerUnit = 12;

export interface CrashLineOptions {
  name: string;
  devices: number;
  lanes: number;
  /** The URL of an empty PostgreSQL database; absent, the authority keeps its own in a file. */
  database?: string;
  /** What authority and station are started in, once the line is set up; absent: what this process is in. */
  environment?: (role: 'serve' | 'station', home: string) => NodeJS.ProcessEnv;
}

export interface Lane extends Fixture {
  lane: number;
  /** Between the station and this lane's fixture. */
  wire: Wire;
}

export class CrashLine {
  readonly home: string;
  readonly authorityHome: string;
  readonly stationHome: string;
  readonly serve: CrashProcess;
  /** Of the authority's listeners. */
  readonly publicUrl: string;
  readonly stationPort: number;
  readonly station: CrashProcess;
  readonly sim: Child;
  readonly lanes: Lane[];
  /** A fixture that no station is plugged into, for looking at units. */
  readonly spare: Fixture;
  readonly deviceIds: string[];
  readonly orderId: string;
  /** Between the station and the authority. */
  readonly network: Wire;
  /** Every event of the station, over all its lives. */
  readonly events: ChildEvent[] = [];
  /** The authority's records, read from here; it is opened anew where a test puts other files in its place. */
  authority: OpenAuthority;
  readonly #forget: () => void;
  #nextUnit = 1;

  private constructor(parts: ConstructorParts) {
    this.home = parts.home;
    this.authorityHome = parts.authorityHome;
    this.stationHome = join(parts.home, 'st-1');
    this.authority = parts.authority;
    this.serve = parts.serve;
    this.publicUrl = parts.publicUrl;
    this.stationPort = parts.stationPort;
    this.station = parts.station;
    this.sim = parts.tray.sim;
    this.lanes = parts.lanes;
    this.spare = parts.tray.packing;
    this.deviceIds = parts.deviceIds;
    this.orderId = parts.orderId;
    this.network = parts.network;
    this.station.onEvent((event) => this.events.push(event));
    this.#forget = leaveNothingBehind(() =>
      [this.station.child, this.sim, this.serve.child].map((child) =>
        child.hasEnded ? undefined : child.pid,
      ),
    );
  }

  static async start(options: CrashLineOptions): Promise<CrashLine> {
    const home = mkdtempSync(join(tmpdir(), `imprint-crash-${options.name}-`));
    startFromCompiledCode();
    const authorityHome = join(home, 'authority');
    await makeQuickAuthority(authorityHome, 'imprint.local/crash', options.database);
    const authority = await openAuthority(authorityHome);
    const serveArgs = ['serve', '--home', authorityHome, '--json'];
    const serveChild = new Child('serve', serveArgs);
    const ready = await serveChild.next(({ event }) => event === 'ready');
    const [stationPort, publicPort] = [portOf(ready.station), portOf(ready.public)];
    const environment = options.environment ?? (() => process.env);
    const ports = ['--station-port', String(stationPort), '--public-port', String(publicPort)];
    const serve = new CrashProcess('serve', serveChild, [...serveArgs, ...ports], () =>
      environment('serve', authorityHome),
    );
    const network = new Wire(stationPort);
    const networkPort = await network.listen();

    const { orderId, deviceIds } = await makeOrder(authority, options.devices);
    const { line } = await authority.unlock();
    const operator = { name: 'Crash Test', badge };
    await registerOperator(authority.ledger, systemEntropy, authority.person, operator, line.badgeHash);
    const demo: DemoOptions = {
      ...{ devices: options.devices, lanes: options.lanes, trays: 1, faults: 0, seed: options.name },
      ...{ home, link: 'tcp' as const, keep: false, json: true },
    };
    const rootFile = join(authorityHome, 'certificates', certificateFiles.root);
    const [tray] = (await startTrays(demo, rootFile, (name, args) => new Child(name, args))) as [Tray];
    const lanes = await Promise.all(
      tray.lanes.map(async (lane) => {
        const wire = new Wire(portOf(lane.port));
        return { ...lane, wire, port: `tcp://127.0.0.1:${await wire.listen()}` };
      }),
    );
    let stationArgs: string[] = [];
    const child = await startStation(
      demo,
      authority,
      `https://127.0.0.1:${networkPort}`,
      'st-1',
      'provision',
      lanes,
      badge,
      (name, args) => {
        stationArgs = args;
        return new Child(name, args);
      },
    );
    const station = new CrashProcess('st-1', child, stationArgs, () =>
      environment('station', join(home, 'st-1')),
    );
    return new CrashLine({
      home,
      authorityHome,
      authority,
      serve,
      publicUrl: String(ready.public),
      stationPort,
      station,
      tray,
      lanes,
      deviceIds,
      orderId,
      network,
    });
  }

  /** Units that were taken so far: the first so many. */
  get unitsUsed(): number {
    return this.#nextUnit - 1;
  }

  /** The next unit that was in no fixture yet, and the ID on its label. */
  newUnit(): { unit: number; id: string } {
    const unit = this.#nextUnit++;
    return { unit, id: this.deviceIds[unit - 1]! };
  }

  async lay({ fixture }: Fixture, unit: number): Promise<void> {
    await this.#steer({ load: { fixture, unit } }, 'loaded');
  }

  async lift({ fixture }: Fixture): Promise<void> {
    await this.#steer({ unload: { fixture } }, 'unloaded');
  }

  async power({ fixture }: Fixture, on: boolean): Promise<void> {
    await this.#steer({ power: { fixture, on } }, 'power');
  }

  /** What the simulator knows of a unit's board. */
  async board(unit: number): Promise<Board> {
    const report = await this.#steer({ report: true }, 'report');
    return (report.units as Board[]).find((each) => each.unit === unit)!;
  }

  /**
   * Scans a unit that lies in the lane and gives PASS, FAIL or the refusal; undefined where the station was killed before. A unit that does
   * not speak at all is scanned again, as a person does: on a machine that is at its limit a simulated one may have no processor for so long.
   */
  async scan(lane: Lane, id: string): Promise<ChildEvent | undefined> {
    let verdict = await this.#scanOnce(lane, id);
    for (let scans = 1; scans < scansPerUnit && verdict?.failure_code === 'unit_protocol'; scans++) {
      verdict = await this.#scanOnce(lane, id);
    }
    return verdict;
  }

  async #scanOnce(lane: Lane, id: string): Promise<ChildEvent | undefined> {
    const { station } = this;
    await station.up;
    const fits = (event: ChildEvent) =>
      (event.lane === lane.lane && (event.event === 'passed' || event.event === 'failed')) ||
      (event.event === 'refused' && String(event.scan).includes(id));
    return Promise.race([
      station.child.ask(`LANE-${lane.lane} ${id}`, fits),
      station.killed.then(() => undefined),
    ]);
  }

  /** As a person works: lays the unit in, and scans it until it passes or the screen says to set it aside. */
  async work(lane: Lane, { unit, id }: { unit: number; id: string }): Promise<ChildEvent> {
    await this.lay(lane, unit);
    let last: ChildEvent | undefined;
    for (let scans = 0; scans < scansPerUnit; scans++) {
      last = (await this.scan(lane, id)) ?? last;
      if (last?.event === 'passed' || last?.consequence === 'quarantine' || last?.attempts_left === 0) break;
      if (last?.event === 'refused' && /nobody is signed in/.test(String(last.message))) await this.signIn();
    }
    await this.lift(lane);
    if (last === undefined) throw new Error(`${id} had no outcome in ${scansPerUnit} scans`);
    return last;
  }

  async signIn(): Promise<void> {
    await this.station.child.ask(badge, ({ event }) => event === 'shift');
  }

  /** Looks at the authority's records until `holds`; the processes run on between two looks. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await setImmediate();
  }

  async close(): Promise<void> {
    await this.station.stop();
    await this.sim.stop();
    await this.serve.stop();
    await Promise.all([this.network, ...this.lanes.map((lane) => lane.wire)].map((wire) => wire.close()));
    await this.authority.close();
    this.#forget();
    rmSync(this.home, { recursive: true });
  }

  /** A line of the simulator's steering, and its answer. */
  async #steer(line: object, expected: string): Promise<ChildEvent> {
    const answer = await this.sim.askInTurn(
      JSON.stringify(line),
      ({ event }) => event === expected || event === 'refused',
    );
    if (answer.event !== expected) throw new Error(String(answer.reason));
    return answer;
  }
}

/** A unit in the simulator's report. */
export interface Board {
  unit: number;
  hardware_uid: string;
  device_id: string | null;
  public_key_sha256: string | null;
  certificate_written: boolean;
  debug_lock: string;
  boot_flags: Record<string, boolean>;
  fuse_pulses: Record<string, number>;
  needless_burns: number;
}

interface ConstructorParts {
  home: string;
  authorityHome: string;
  authority: OpenAuthority;
  serve: CrashProcess;
  publicUrl: string;
  stationPort: number;
  station: CrashProcess;
  tray: Tray;
  lanes: Lane[];
  deviceIds: string[];
  orderId: string;
  network: Wire;
}

function portOf(url: unknown): number {
  return Number(new URL(String(url)).port);
}
