/**
 * A whole factory under one seed: the authority, its stations, their people and boards, and everything that goes wrong. After
 * every event the model is held against what happened; at the end all that was begun must have come to its end.
 */
import './at-once.ts';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registerOperator } from '@imprint/authority/registry/operators';
import { formatDeviceId } from '@imprint/contract/device-id';
import { sha256Hex } from '@imprint/contract/hash';
import { type HostileMode, hostileModes } from '@imprint/sim/hostile';
import type { LineEvent } from '@imprint/station/line-event';
import { computeByOpenssl } from 'imprint/compute-by-openssl';
import { actsDone } from './acts-done.ts';
import { type Authorities, makeAuthorities } from './authorities.ts';
import { minder } from './authority-host.ts';
import { type BoardOnFloor, makeBoard } from './boards.ts';
import type { FaultName, Phase } from './catalogue.ts';
import { Faults, type PlannedFault, planFaults, planSecondLives, type Struck } from './faults.ts';
import { Floor } from './floor.ts';
import { type StolenLabels, stolenLanes, stolenOrder, stolenStation } from './hostile/stolen-station.ts';
import { beginTheft } from './hostile/theft.ts';
import type { Thief } from './hostile/thief.ts';
import { lostAgain, lostBoards } from './lost-boards.ts';
import { Model, type Violation } from './model.ts';
import { moveByPerson } from './move-by-person.ts';
import { Network } from './network.ts';
import { Office, openOffice } from './office/office.ts';
import { WorkDay } from './office/work-day.ts';
import { workAllBoards } from './people.ts';
import { gateways, sensors } from './products.ts';
import { RelyingParty } from './relying-party.ts';
import { enrolStations, placeOrder, placeStolenOrders } from './setup.ts';
import { StationHost } from './station-host.ts';
import type { Bench, Fate, Shop } from './worker.ts';
import { chance, World } from './world.ts';

export interface FactoryOptions {
  seed: string;
  units: number;
  /** The cell of the catalogue with which the plan begins. */
  firstCell?: number;
  /** How many processes of the authority share its database; absent, one has it for itself. */
  replicas?: number;
  /** The faults that may strike, by number; absent, all of the plan. */
  only?: ReadonlySet<number>;
  /** Hears what happens, a sentence at a time. */
  tell?: (sentence: string) => void;
}

export interface FactoryReport {
  seed: string;
  units: number;
  fates: Record<Fate, number>;
  /** Of boards that were shipped and came back. */
  secondLives: Record<Fate, number>;
  violations: readonly Violation[];
  struck: Struck[];
  planned: PlannedFault[];
  /** What hostile boards and stations did, by name. */
  acts: Record<string, number>;
  entries: number;
  events: number;
  simulatedHours: number;
}

computeByOpenssl();

const badge = 'OP-lab-1';
/** As many as a stolen station may mint. */
const stolenUnits = 40;
const outageMs = 33_000;
const dayMs = 86_400_000;
const jumpsFar: ReadonlySet<FaultName> = new Set(['clock-hour', 'clock-year']);
/** A factory that has not come to its end by then never does. */
const minutesPerUnit = 12;

/** Runs one factory to its end. Never throws for what happens in it: that is a violation of the report. */
export async function runFactory(options: FactoryOptions): Promise<FactoryReport> {
  // what survives a crash here is what was committed, so nothing has to reach a real disk
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = mkdtempSync(join(memory, 'imprint-lab-'));
  const factory = new Factory(options, folder);
  try {
    return await factory.run();
  } finally {
    factory.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Factory {
  readonly #options: FactoryOptions;
  readonly #folder: string;
  readonly #world: World;
  readonly #faults: Faults;
  readonly #planned: PlannedFault[];
  readonly #model: Model;
  readonly #fates: Record<Fate, number> = { done: 0, 'set-aside': 0, unfinished: 0 };
  readonly #secondLives: Record<Fate, number> = { done: 0, 'set-aside': 0, unfinished: 0 };
  readonly #fateOf = new Map<number, Fate>();
  #stolenLabels!: StolenLabels;
  #thief: Thief | undefined;
  #day: WorkDay | undefined;
  #floor!: Floor;
  #network!: Network;
  #authority!: Authorities;
  readonly #hosts: StationHost[] = [];

  constructor(options: FactoryOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#world = new World(options.seed);
    const { units, firstCell = 0, replicas = 1 } = options;
    const planned = planFaults(this.#world, units, firstCell, replicas > 1);
    const later = planSecondLives(this.#world, units, firstCell, planned, replicas > 1);
    this.#planned = [...planned, ...later];
    this.#faults = new Faults(this.#world, this.#planned, options.only);
    this.#model = new Model(this.#world);
  }

  async run(): Promise<FactoryReport> {
    const { units, seed } = this.#options;
    const world = this.#world;
    try {
      await this.#setUp();
      const work = this.#work();
      let isOver = false;
      work.then(
        () => {
          isOver = true;
        },
        (error) => {
          this.#model.violate('I-24', `a person at a lane met ${(error as Error).stack}`);
          isOver = true;
        },
      );
      await world.run(
        () => isOver || this.#model.violations.length > 0,
        units * minutesPerUnit * 60_000 + dayMs / 2,
        () => this.#model.check(),
      );
      if (this.#model.violations.length === 0) {
        for (const lost of lostBoards(this.#floor, this.#fateOf, this.#faults.struck, this.#model.log)) {
          this.#model.violate('I-29', lost);
        }
        await this.#model.checkAtEnd(this.#floor.boards, this.#faults.struck);
      }
    } catch (error) {
      this.#model.violate('I-24', `the factory came to no end: ${(error as Error).stack}`);
    }
    return {
      seed,
      units,
      fates: this.#fates,
      secondLives: this.#secondLives,
      violations: this.#model.violations,
      struck: this.#faults.struck,
      planned: this.#planned,
      acts: actsDone(this.#floor?.boards ?? [], this.#thief?.done, this.#day?.done),
      entries: this.#model.entries,
      events: world.events,
      simulatedHours: world.nowMs / 3_600_000,
    };
  }

  close(): void {
    for (const host of this.#hosts) host.close();
    this.#authority?.stop();
    this.#model.close();
  }

  async #setUp(): Promise<void> {
    const world = this.#world;
    const model = this.#model;
    this.#network = new Network(world, this.#faults, model, (uid) => this.#floor.unitOfHardware(uid));
    this.#authority = await makeAuthorities(
      { world, faults: this.#faults, network: this.#network, watcher: model, judge: model.acts },
      this.#folder,
      this.#options.replicas ?? 1,
    );
    model.begin(this.#authority.file, this.#authority.identity, (this.#options.replicas ?? 1) > 1);
    const every = Object.keys(hostileModes) as HostileMode[];
    const first = chance(world.entropy('hostile boards')).below(every.length);
    const modes = [...every.slice(first), ...every.slice(0, first)];
    const rootSha256 = sha256Hex(this.#authority.identity.hierarchy.certificates.root);
    const boards: BoardOnFloor[] = Array.from({ length: this.#options.units }, (_, unit) =>
      makeBoard(world, this.#faults, rootSha256, unit, modes, (board, fuse) => this.#burning(board, fuse)),
    );
    this.#floor = new Floor(world, boards);
    this.#floor.swapped = (place, was, now) =>
      this.#say(`board ${now} lies at ${place.stationId} lane ${place.lane} in place of ${was}`);
    const authority = this.#authority.setUp();
    await enrolStations(authority, {
      'gw-1': 3,
      'gw-2': 2,
      'sn-1': 2,
      'pk-1': 1,
      [stolenStation]: stolenLanes,
    });
    await registerOperator(
      authority.ledger,
      world.entropy('operator'),
      minder,
      { name: 'Lab Person', badge },
      authority.line.badgeHash,
    );
    await placeOrder(world, authority, this.#floor, gateways, ['gw-1', 'gw-2', 'pk-1']);
    await placeOrder(world, authority, this.#floor, sensors, ['sn-1', 'pk-1']);
    this.#stolenLabels = await placeStolenOrders(world, authority, stolenStation, stolenOrder, stolenUnits);
    await openOffice(authority);
    this.#authority.begin();
    this.#addHost('gw-1', ['provision', 'provision', 'provision']);
    this.#addHost('gw-2', ['provision', 'provision']);
    this.#addHost('sn-1', ['provision', 'seal']);
    this.#addHost('pk-1', ['pack']);
    for (const host of this.#hosts) host.start();
  }

  #addHost(stationId: string, operations: ('provision' | 'seal' | 'pack')[]): void {
    const lanes = operations.map((operation, at) => ({ lane: at + 1, port: `lane-${at + 1}`, operation }));
    const places = lanes.map(({ lane }) => this.#floor.newPlace(stationId, lane));
    const host: StationHost = new StationHost({
      ...{ world: this.#world, faults: this.#faults, network: this.#network },
      stationId,
      badge,
      lanes,
      fixtures: new Map(places.map(({ lane, fixture }) => [lane, fixture])),
      journalFile: join(this.#folder, `${stationId}.db`),
      watcher: {
        event: (from, event) => this.#hear(from, event),
        ended: (from, error) => this.#say(`${from.id} ended: ${(error as Error).message}`),
        phase: (from, lane, phase) => this.#enter(from, lane, phase),
      },
    });
    this.#hosts.push(host);
    for (const place of places) this.#benches.push({ host, place });
  }

  readonly #benches: Bench[] = [];

  async #work(): Promise<void> {
    const finished: string[] = [];
    const theft = beginTheft({
      world: this.#world,
      network: this.#network,
      floor: this.#floor,
      authority: this.#authority,
      badge,
      log: this.#model.log,
      stolen: this.#stolenLabels,
      finished,
      strangeId: this.strange,
      broken: (act, what) => this.#model.violate('I-21', `a stolen station ${act}: ${what}`),
    });
    this.#thief = theft.thief;
    const shop: Shop = {
      world: this.#world,
      faults: this.#faults,
      floor: this.#floor,
      finished,
      whileReturned: theft.whileReturned,
      strangeId: this.strange,
      isManufactured: (deviceId) => this.#model.log.deviceState.get(deviceId) === 'manufactured',
      move: (deviceId, to) => moveByPerson(this.#world, this.#authority, deviceId, to),
      livedAgain: (unit, fate) => {
        this.#secondLives[fate]++;
        this.#say(`board ${unit} came back and is ${fate}`);
        const lost = lostAgain(this.#floor, unit, fate);
        if (lost !== undefined) this.#model.violate('I-29', lost);
      },
      benches: this.#benches,
    };
    const people = workAllBoards(shop, (unit, fate) => {
      this.#fates[fate]++;
      this.#fateOf.set(unit, fate);
      this.#say(`board ${unit} is ${fate}`);
    });
    const relying = new RelyingParty(this.#world, this.#model, () => this.#authority.processes);
    relying.begin();
    this.#day = new WorkDay(new Office(this.#world, this.#authority, this.#model));
    await Promise.all([people, theft.over, this.#day.work()]);
    for (const one of [this.#day, relying]) await one.atEnd();
  }

  /** An ID of the gateways' grammar that is in no order. */
  readonly strange = (unit: number): string =>
    formatDeviceId({ site: 'ZZ', year: 2026, serial: unit }, gateways.checked.contract.identity.grammar);

  #hear(host: StationHost, event: LineEvent): void {
    if ('lane' in event && event.lane !== null) {
      const unit = host.unitAt(event.lane);
      if (event.event === 'step' && unit !== undefined && event.step !== 'check') {
        this.#enter(host, event.lane, event.step);
      }
    }
    if (event.event === 'passed') {
      const place = this.#benches.find(
        (bench) => bench.host === host && bench.place.lane === event.lane,
      )!.place;
      const inFixture = this.#floor.in(place);
      this.#model.passed(event, inFixture === undefined ? undefined : this.#floor.boards[inFixture]!);
    }
    if (this.#options.tell) this.#say(`${host.id} ${JSON.stringify(event)}`);
  }

  #burning(board: BoardOnFloor, fuse: string): void {
    const place = this.#floor.placeOf(board.unit);
    const host = this.#hosts.find(({ id }) => id === place?.stationId);
    this.#model.burning(board, fuse, host?.intends(board.uid) ?? false);
  }

  /** What strikes at any time in this phase does so in a moment. */
  #enter(host: StationHost, lane: number, phase: Phase): void {
    const unit = host.unitAt(lane);
    if (unit === undefined) return;
    for (const struck of this.#faults.enter(unit, phase)) {
      this.#world.after(struck.skip, () => this.#happen(host, struck));
    }
  }

  #happen(host: StationHost, planned: PlannedFault): void {
    const { fault, draw } = planned;
    this.#say(`${fault} at ${host.id}`);
    switch (fault) {
      case 'network-down':
        this.#network.cut(host.id, outageMs);
        break;
      case 'station-killed':
        host.kill();
        break;
      case 'line-power-cut':
        host.kill();
        this.#floor.cutPower(host.id);
        break;
      case 'station-clock-wrong':
        host.setClock((draw < 0.5 ? -1 : 1) * 365 * dayMs);
        break;
      default:
        // what is not issuing goes on under a clock that was wrong when a process began, and the log's times with it
        if (jumpsFar.has(fault)) this.#model.log.clockSlackMs = Number.POSITIVE_INFINITY;
        this.#authority.happen(planned, host.id);
    }
  }

  #say(sentence: string): void {
    this.#options.tell?.(`${(this.#world.nowMs / 1000).toFixed(3).padStart(10)} s  ${sentence}`);
  }
}
