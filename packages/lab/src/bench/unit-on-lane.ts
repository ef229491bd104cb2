/** Seconds that a unit spends on a lane, against its own delays and its bytes on the wire: what station and authority add. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { planFromContract } from '@imprint/sim/unit-plan';
import { TcpLink } from '@imprint/station/tcp-link';
import type { BenchHome } from './bench-home.ts';
import type { BenchStation } from './bench-station.ts';
import { CountingLink } from './counting-link.ts';
import type { LaneAnswer, LaneRequest } from './lane-unit.ts';
import { benchContract } from './open-jobs.ts';
import { delaysMs, type OwnTime, overheadPercent, wireMs } from './own-time.ts';

export interface LaneVisit {
  seconds: number;
  /** The unit's own delays, and its bytes divided by the baud rate. */
  delaySeconds: number;
  wireSeconds: number;
  /** By how much its timers were late. */
  lateSeconds: number;
  bytes: number;
  overheadPercent: number;
}

const unitFile = fileURLToPath(new URL('lane-unit.ts', import.meta.url));
/** A key as slow as a secure element makes one, a short boot, and commands that fill the rest of two seconds. */
const keyDelayMs = 500;
const bootDelayMs = 100;
const wantedDelaysMs = 2_000;

/** One fixture at one baud rate. */
export class Lane {
  readonly #baud: number;
  readonly #station: BenchStation;
  readonly #number: number;
  readonly #process: ChildProcess;
  #port = '';
  #units = 0;
  #commandDelayMs = 0;

  private constructor(baud: number, station: BenchStation, number: number) {
    this.#baud = baud;
    this.#station = station;
    this.#number = number;
    this.#process = fork(unitFile, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** Opens it, and finds out on one unit (`deviceId`), which is not measured, how many commands a visit takes. */
  static async open(
    baud: number,
    home: BenchHome,
    station: BenchStation,
    deviceId: string,
    number = 1,
  ): Promise<Lane> {
    const lane = new Lane(baud, station, number);
    const { contract } = benchContract;
    const { line } = home.unlocked;
    const plan = planFromContract({
      contract,
      storageMapSha256: storageMapSha256(contract),
      realm: line.realm,
      rootSha256: line.rootSha256,
      seed: `lane-${number}-${baud}`,
    });
    const { port } = await lane.#ask({ open: { plan: { ...plan, keyDelayMs, bootDelayMs }, baud } });
    lane.#port = port;
    await lane.visit(deviceId);
    const { commands, boots } = await lane.#ask({ report: true });
    lane.#commandDelayMs = Math.round((wantedDelaysMs - keyDelayMs - boots * bootDelayMs) / commands);
    return lane;
  }

  /** The process of its units. */
  get pid(): number {
    return this.#process.pid!;
  }

  /** A new unit, worked on from scan to receipt. */
  async visit(deviceId: string): Promise<LaneVisit> {
    this.#units++;
    await this.#ask({ load: { unit: this.#units, commandDelayMs: this.#commandDelayMs } });
    const link = new CountingLink(new TcpLink(this.#port));
    const begun = performance.now();
    const outcome = await this.#station.work(link, deviceId, this.#number);
    const measuredMs = performance.now() - begun;
    if (outcome.event !== 'passed') throw new Error(`${deviceId} did not pass: ${outcome.message}`);
    const { commands, boots, lateMs } = await this.#ask({ report: true });
    const own: OwnTime = {
      commands,
      commandDelayMs: this.#commandDelayMs,
      keyDelayMs,
      boots,
      bootDelayMs,
      bytes: link.bytes,
      baud: this.#baud,
      lateMs,
    };
    return {
      seconds: measuredMs / 1000,
      delaySeconds: delaysMs(own) / 1000,
      wireSeconds: wireMs(own.bytes, own.baud) / 1000,
      lateSeconds: lateMs / 1000,
      bytes: own.bytes,
      overheadPercent: overheadPercent(measuredMs, own),
    };
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#process.once('exit', () => resolve());
      this.#process.disconnect();
    });
  }

  #ask(request: LaneRequest): Promise<LaneAnswer> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) =>
        reject(new Error(`the simulated unit's process ended with ${code}`));
      this.#process.once('exit', ended);
      this.#process.once('message', (answer) => {
        this.#process.off('exit', ended);
        resolve(answer as LaneAnswer);
      });
      this.#process.send(request);
    });
  }
}
