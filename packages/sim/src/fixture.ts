/**
 * One fixture: a position on a line with one wire, into which one unit at a time is laid. The wire paces the bytes
 * in both directions; what is on it when a unit is lifted out is lost.
 */
import { Pacer } from './pacer.ts';
import type { SimulatedUnit } from './simulated-unit.ts';
import { realTiming, type Timing } from './timing.ts';

export interface FixtureOptions {
  /** Bits a second, ten of them a byte; undefined for a wire that does not pace. */
  baud?: number | undefined;
  timing?: Timing;
}

export class Fixture {
  readonly #toUnit: Pacer;
  readonly #toStation: Pacer;
  #unit: SimulatedUnit | undefined;
  #stopListening: (() => void) | undefined;
  #station: ((bytes: Uint8Array) => void) | undefined;

  constructor(options: FixtureOptions = {}) {
    const timing = options.timing ?? realTiming;
    this.#toUnit = new Pacer(options.baud, timing, (bytes) => this.#unit?.receive(bytes));
    this.#toStation = new Pacer(options.baud, timing, (bytes) => this.#station?.(bytes));
  }

  get unit(): SimulatedUnit | undefined {
    return this.#unit;
  }

  /** Lays the unit in and switches it on; one that lay here before is lifted out. */
  load(unit: SimulatedUnit): void {
    this.unload();
    this.#unit = unit;
    this.#stopListening = unit.onOutput((bytes) => this.#toStation.push(bytes));
    unit.powerOn();
  }

  /** Switches the unit off and lifts it out. */
  unload(): void {
    this.#unit?.powerOff();
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#unit = undefined;
    this.#toUnit.clear();
    this.#toStation.clear();
  }

  power(on: boolean): void {
    if (on) this.#unit?.powerOn();
    else this.#unit?.powerOff();
  }

  /** Bytes from the station. */
  receive(bytes: Uint8Array): void {
    this.#toUnit.push(bytes);
  }

  /** Who gets the unit's bytes; one listener at a time, as a wire has one end. */
  connect(station: ((bytes: Uint8Array) => void) | undefined): void {
    this.#station = station;
  }
}
