/**
 * One life of a station in the simulation: the real line, put together as `imprint station run` does, over a journal, a network
 * and links that fail. What survives its death is its journal's file.
 */
import { rmSync } from 'node:fs';
import { ImprintError } from '@imprint/contract/errors';
import type { Fixture } from '@imprint/sim/fixture';
import type { DutLink, DutLinkEvents } from '@imprint/station/dut-link';
import { openJournal } from '@imprint/station/journal';
import { openJournalDatabase } from '@imprint/station/journal-database';
import type { LabelPrinter } from '@imprint/station/label';
import type { Emit } from '@imprint/station/line-event';
import { newRequestId } from '@imprint/station/request-id';
import { type StartedLine, startLine } from '@imprint/station/start-line';
import type { LaneSettings } from '@imprint/station/station-home';
import type Database from 'better-sqlite3';
import type { DiskGate } from './disk.ts';
import { failingJournal } from './disk.ts';
import { type Life, ProcessKilled } from './life.ts';
import { type Message, type Network, SimulatedClient } from './network.ts';
import { beginning, type World } from './world.ts';

const redeliveryMs = 15_000;
/** A byte's way from one end of the wire to the other. */
const wireMs = 1;

export interface StationParts {
  world: World;
  life: Life;
  stationId: string;
  /** How often it has started, for its names. */
  start: number;
  journalFile: string;
  lanes: LaneSettings[];
  fixtures: ReadonlyMap<number, Fixture>;
  network: Network;
  clockOffMs: () => number;
  emit: Emit;
  printed: (deviceId: string) => void;
  /** Hears which file is open: a model may look into it. */
  openedJournal: (database: Database.Database) => void;
  journalGate: DiskGate;
  /** Told at each request and answer; it may kill the station. */
  atRequest: (moment: 'asks' | 'heard', message: Message) => void;
  /** Told before each write to a unit: whether the wire goes, or the station dies. */
  atLink: (lane: number) => 'pulled' | 'killed' | undefined;
}

/** Starts the station; rejects as the program would end with an error, and never comes back where it is killed meanwhile. */
export async function startStation(parts: StationParts): Promise<StartedLine> {
  const { world, life, stationId, network } = parts;
  const now = () => new Date(beginning + world.nowMs + parts.clockOffMs());
  const entropy = world.entropy(`station ${stationId} ${parts.start}`);
  const labels: LabelPrinter = {
    async print(deviceId) {
      parts.printed(deviceId);
      return '';
    },
  };
  const opened = openJournal(
    parts.journalFile,
    () => now().toISOString(),
    (path) => {
      const database = openJournalDatabase(path);
      parts.openedJournal(database);
      return failingJournal(database, life, parts.journalGate);
    },
  );
  const started = await startLine({
    settings: {
      station_version: 1,
      realm: 'dev',
      station_id: stationId,
      authority_url: 'https://authority.example',
      authority_ca_file: 'authority-ca.pem',
      certificate_file: 'station.pem',
      key_file: 'station-key.pem',
      lanes: parts.lanes,
    },
    configurationSha256: '0'.repeat(64),
    authority: new SimulatedClient(network, life, stationId, parts.atRequest),
    opened,
    timers: life.timers,
    now,
    newRequestId: () => newRequestId(now(), entropy),
    labels,
    emit: (event) => {
      if (life.alive) parts.emit(event);
    },
    linkTo: ({ lane }) => new SimulatedLink(world, life, lane, parts.fixtures.get(lane)!, parts.atLink),
  });
  life.every(redeliveryMs, () => void started.redeliver());
  return started;
}

/** Removes what a station keeps on its disk. */
export function loseJournal(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
}

/** The wire between a lane and whatever lies in its fixture. */
export class SimulatedLink implements DutLink {
  readonly port: string;
  readonly baud = null;
  readonly #world: World;
  readonly #life: Life;
  readonly #lane: number;
  readonly #fixture: Fixture;
  readonly #atLink: (lane: number) => 'pulled' | 'killed' | undefined;
  #events: DutLinkEvents | undefined;

  constructor(world: World, life: Life, lane: number, fixture: Fixture, atLink: StationParts['atLink']) {
    this.port = `lane ${lane}`;
    this.#world = world;
    this.#life = life;
    this.#lane = lane;
    this.#fixture = fixture;
    this.#atLink = atLink;
    life.onDeath(() => this.#letGo());
  }

  async open(events: DutLinkEvents): Promise<void> {
    this.#events = events;
    this.#fixture.connect((bytes) => {
      const copy = Uint8Array.from(bytes);
      this.#life.after(wireMs, () => this.#events?.bytes(copy));
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#life.alive) throw new ProcessKilled();
    const fault = this.#atLink(this.#lane);
    if (fault === 'killed') {
      this.#life.kill();
      throw new ProcessKilled();
    }
    if (fault === 'pulled') {
      const { closed } = this.#events!;
      this.#letGo();
      closed('the cable was pulled');
      throw new ImprintError('link_lost', 'the cable was pulled');
    }
    const copy = Uint8Array.from(bytes);
    this.#world.after(wireMs, () => this.#fixture.receive(copy));
  }

  async close(): Promise<void> {
    this.#letGo();
  }

  #letGo(): void {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#fixture.connect(undefined);
  }
}
