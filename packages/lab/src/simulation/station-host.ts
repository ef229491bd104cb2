/**
 * A station's PC and the person who minds it: starts the station anew when it was killed, stopped by itself or could not
 * start. Faults of its journal, its requests and its links come in here.
 */

import { closeSync, existsSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import type { Fixture } from '@imprint/sim/fixture';
import type { LineEvent } from '@imprint/station/line-event';
import type { StartedLine } from '@imprint/station/start-line';
import type { LaneSettings } from '@imprint/station/station-home';
import type Database from 'better-sqlite3';
import type { DiskAct, DiskFault } from './disk.ts';
import type { Faults } from './faults.ts';
import { Life } from './life.ts';
import type { Network } from './network.ts';
import { loseJournal, startStation } from './station-process.ts';
import { type Chance, chance, type World } from './world.ts';

/** What an operator sees of a scan. */
export type Verdict =
  | Extract<LineEvent, { event: 'passed' | 'failed' }>
  | Extract<LineEvent, { event: 'refused' }>
  | { event: 'died' };

export interface StationWatcher {
  event(host: StationHost, event: LineEvent): void;
  /** The program ended with this error, as it does where it cannot start. */
  ended(host: StationHost, error: unknown): void;
  /** A phase of the unit on this lane begins. */
  phase(host: StationHost, lane: number, phase: 'report' | 'recover'): void;
}

export interface StationHostParts {
  world: World;
  faults: Faults;
  network: Network;
  watcher: StationWatcher;
  stationId: string;
  badge: string;
  lanes: LaneSettings[];
  fixtures: ReadonlyMap<number, Fixture>;
  journalFile: string;
}

const restartMs = 5_000;
const haltedMs = 8_000;
const badgeAgainMs = 5_000;
const badgeTries = 12;

export class StationHost {
  readonly id: string;
  readonly lanes: LaneSettings[];
  readonly #parts: StationHostParts;
  readonly #draw: Chance;
  /** The unit that the person at each lane is at work on. */
  readonly #unitAt = new Map<number, number>();
  readonly #verdicts = new Map<number, (verdict: Verdict) => void>();
  readonly #labels = new Map<number, (deviceId: string) => void>();
  #life: Life | undefined;
  #started: StartedLine | undefined;
  /** Reads from its journal on which boards something irreversible is about to be done. */
  #intents: Database.Statement<[], { hardware_uid: string }> | undefined;
  #intendedAtDeath: string[] = [];
  #waiting: (() => void)[] = [];
  #starts = 0;
  #clockOffMs = 0;
  #closed = false;
  #isSignedIn = false;
  #told: ((event: 'reported' | 'refused') => void) | undefined;
  /** Lanes whose scan was taken. */
  readonly #begun = new Set<number>();

  constructor(parts: StationHostParts) {
    this.id = parts.stationId;
    this.lanes = parts.lanes;
    this.#parts = parts;
    this.#draw = chance(parts.world.entropy(`station host ${parts.stationId}`));
  }

  /** Whether the station's journal says that an irreversible act on this board is about to be done. */
  intends(uid: string): boolean {
    return this.#intended().includes(uid) || this.#intendedAtDeath.includes(uid);
  }

  #intended(): string[] {
    return this.#intents?.all().map(({ hardware_uid }) => hardware_uid) ?? [];
  }

  /** Says which unit the lane's person is at work on; undefined between two. */
  at(lane: number, unit: number | undefined): void {
    if (unit === undefined) this.#unitAt.delete(lane);
    else this.#unitAt.set(lane, unit);
  }

  unitAt(lane: number): number | undefined {
    return this.#unitAt.get(lane);
  }

  has(unit: number): boolean {
    return [...this.#unitAt.values()].includes(unit);
  }

  /** Resolves when scans are taken. */
  async ready(): Promise<void> {
    while (this.#started === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Scans a line of text for a lane, and gives what the screen says of it. */
  async scan(lane: number, text: string, label?: (deviceId: string) => string): Promise<Verdict> {
    await this.ready();
    const { line } = this.#started!;
    const life = this.#life!;
    this.#begun.delete(lane);
    const verdict = new Promise<Verdict>((resolve) => this.#verdicts.set(lane, resolve));
    if (label !== undefined) {
      this.#labels.set(lane, (deviceId) => {
        if (life.alive) void line.scan(`LANE-${lane} ${label(deviceId)}`);
      });
    }
    void line.scan(`LANE-${lane} ${text}`);
    return verdict;
  }

  /** The result of an operation that is not ours: whether it was taken. */
  async tell(text: string): Promise<'reported' | 'refused' | 'died'> {
    await this.ready();
    const life = this.#life!;
    let answer: 'reported' | 'refused' | 'died' = 'died';
    const died = new Promise<void>((resolve) => life.onDeath(resolve));
    this.#told = (event) => {
      answer = event;
    };
    await Promise.race([this.#started!.line.scan(text), died]);
    this.#told = undefined;
    return answer;
  }

  /** A scan that nobody waits for, on top of another. A station that is down does not hear it, and nobody scans it later. */
  async mutter(text: string): Promise<void> {
    if (this.#started !== undefined && this.#life!.alive) await this.#started.line.scan(text);
  }

  start(): void {
    if (this.#closed) return;
    const life = new Life(this.#parts.world);
    this.#life = life;
    this.#starts++;
    life.onDeath(() => this.#died(life));
    for (const lane of this.#unitAt.keys()) this.#parts.watcher.phase(this, lane, 'recover');
    this.#damageJournal();
    const parts = {
      ...this.#parts,
      life,
      start: this.#starts,
      clockOffMs: () => this.#clockOffMs,
      emit: (event: LineEvent) => this.#hear(event),
      printed: () => undefined,
      openedJournal: (database: Database.Database) => {
        this.#intents = database.prepare('select hardware_uid from acts where seen_at is null');
      },
      journalGate: (act: DiskAct) => this.#journalFault(act),
      atRequest: (moment: 'asks' | 'heard', message: Parameters<Network['unitsOf']>[0]) => {
        if (moment === 'asks' && (message.route === 'endAttempt' || message.route === 'quarantineJob')) {
          const [unit] = this.#parts.network.unitsOf(message);
          const lane = [...this.#unitAt].find(([, at]) => at === unit)?.[0];
          if (lane !== undefined && this.#started !== undefined)
            this.#parts.watcher.phase(this, lane, 'report');
        }
        const struck = this.#parts.faults.strike(
          'request',
          (unit) => this.has(unit),
          (fault) => fault === 'station-killed-at-request',
        );
        if (struck !== undefined) life.kill();
      },
      atLink: (lane: number) => {
        const struck = this.#parts.faults.strike('link', (unit) => unit === this.#unitAt.get(lane));
        if (struck === undefined) return undefined;
        return struck.fault === 'cable-pulled' ? ('pulled' as const) : ('killed' as const);
      },
    };
    startStation(parts).then(
      async (started) => {
        if (!life.alive) return;
        await this.#signIn(started, life);
        if (!life.alive) return;
        this.#started = started;
        for (const lane of this.#unitAt.keys()) this.#parts.faults.enter(this.#unitAt.get(lane)!, undefined);
        for (const wake of this.#waiting.splice(0)) wake();
      },
      (error) => {
        if (!life.alive) return;
        this.#parts.watcher.ended(this, error);
        life.kill();
      },
    );
  }

  /**
   * A person scans a badge before the others go on, again after a while where the authority takes none at the moment, and starts
   * the station anew where that does not help.
   */
  async #signIn({ line }: StartedLine, life: Life): Promise<void> {
    this.#isSignedIn = false;
    for (let tries = 0; tries < badgeTries; tries++) {
      await line.scan(this.#parts.badge);
      if (this.#isSignedIn || !life.alive) return;
      await new Promise<void>((resolve) => life.after(badgeAgainMs, resolve));
    }
    life.kill();
  }

  kill(): void {
    this.#life?.kill();
  }

  close(): void {
    this.#closed = true;
    this.kill();
  }

  setClock(offMs: number): void {
    this.#clockOffMs = offMs;
  }

  #died(life: Life): void {
    if (this.#life !== life) return;
    this.#started = undefined;
    // a request may be on the wire still
    this.#intendedAtDeath = this.#intended();
    this.#intents = undefined;
    for (const resolve of this.#verdicts.values()) resolve({ event: 'died' });
    this.#verdicts.clear();
    this.#begun.clear();
    if (!this.#closed) this.#parts.world.after(restartMs, () => this.start());
  }

  #hear(event: LineEvent): void {
    this.#parts.watcher.event(this, event);
    switch (event.event) {
      case 'started':
        this.#begun.add(event.lane);
        break;
      case 'reported':
        this.#told?.('reported');
        break;
      case 'shift':
        this.#isSignedIn = event.open;
        break;
      case 'passed':
      case 'failed':
        this.#verdicts.get(event.lane)?.(event);
        this.#verdicts.delete(event.lane);
        break;
      case 'refused':
        this.#heardRefusal(event);
        break;
      case 'label':
        this.#labels.get(event.lane)?.(event.device_id);
        break;
      case 'stopped': {
        // it ends when its lanes are at rest; the person gives it a moment
        const life = this.#life!;
        this.#parts.world.after(haltedMs, () => life.kill());
        break;
      }
    }
  }

  /** A refused scan names what was scanned; the lane whose person scanned it reads it. */
  #heardRefusal(event: Extract<LineEvent, { event: 'refused' }>): void {
    const lane = Number(/LANE-(\d+)/.exec(event.scan)?.[1]);
    if (Number.isNaN(lane)) this.#told?.('refused');
    // a second scan on top of one that was taken
    if (this.#begun.has(lane)) return;
    this.#verdicts.get(lane)?.(event);
    this.#verdicts.delete(lane);
  }

  #journalFault(act: DiskAct): DiskFault | undefined {
    const struck = this.#parts.faults.strike(
      'journal',
      (unit) => this.has(unit),
      (fault) => act === 'commit' || fault === 'journal-eio',
    );
    switch (struck?.fault) {
      case undefined:
        return undefined;
      case 'station-killed-at-journal':
        return struck.draw < 0.5 ? 'killed-before' : 'killed-after';
      case 'journal-kept':
        return 'kept';
      case 'journal-full':
        return 'full';
      default:
        return 'eio';
    }
  }

  /** What was done to the file while the station was down. */
  #damageJournal(): void {
    const struck = this.#parts.faults.strike('journal-file', (unit) => this.has(unit));
    const file = this.#parts.journalFile;
    if (struck === undefined || !existsSync(file)) return;
    if (struck.fault === 'journal-lost') {
      loseJournal(file);
      return;
    }
    const { size } = statSync(file);
    const handle = openSync(file, 'r+');
    try {
      if (struck.fault === 'journal-torn') ftruncateSync(handle, Math.floor(size * struck.draw));
      else {
        const byte = Buffer.alloc(1);
        for (let count = 1 + this.#draw.below(8); count > 0; count--) {
          const at = this.#draw.below(size);
          readSync(handle, byte, 0, 1, at);
          byte[0]! ^= 1 << this.#draw.below(8);
          writeSync(handle, byte, 0, 1, at);
        }
      }
    } finally {
      closeSync(handle);
    }
  }
}
