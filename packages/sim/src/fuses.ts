/** One-way fuses: a bit that is burnt stays burnt, every pulse is counted, and no sequence of calls goes back. */
import type { BootFlags, DebugLock } from '@imprint/contract/dut/statement';
import { PowerLost, type PowerRail } from './power-rail.ts';

const lockFuses = ['debug_locked', 'debug_locked_permanently'] as const;

export class Fuses {
  readonly #rail: PowerRail;
  readonly #flagNames: readonly string[];
  readonly #burnt = new Set<string>();
  readonly #pulses = new Map<string, number>();
  #needless = 0;

  constructor(rail: PowerRail, flagNames: readonly string[]) {
    this.#rail = rail;
    this.#flagNames = [...flagNames];
  }

  get bootFlags(): BootFlags {
    return Object.fromEntries(this.#flagNames.map((name) => [name, this.#burnt.has(`flag:${name}`)]));
  }

  get debugLock(): DebugLock {
    if (this.#burnt.has('debug_locked_permanently')) return 'locked-permanently';
    return this.#burnt.has('debug_locked') ? 'locked' : 'open';
  }

  /** How many pulses each fuse has had: one, or one more for each that a power cut made vain. */
  get pulses(): Record<string, number> {
    return Object.fromEntries([...this.#pulses].sort());
  }

  /** How often somebody asked for a burn that was done already: a station that reads before it acts causes none. */
  get needless(): number {
    return this.#needless;
  }

  hasFlag(name: string): boolean {
    return this.#flagNames.includes(name);
  }

  /** Burns the flag unless it is burnt already. Throws {@link PowerLost} where a power cut strikes. */
  burnFlag(name: string): void {
    if (!this.hasFlag(name)) throw new RangeError(`there is no fuse for the flag ${name}`);
    this.#burn(`flag:${name}`);
  }

  /** Closes the debug port, or its last way back too; fuses that are burnt already get no second pulse. */
  closeDebug(permanent: boolean): void {
    if (permanent && this.debugLock === 'locked') {
      this.#burn(lockFuses[1]);
      return;
    }
    this.#burn(lockFuses[0]);
    if (permanent) this.#burn(lockFuses[1]);
  }

  #burn(fuse: string): void {
    if (this.#burnt.has(fuse)) {
      this.#needless++;
      return;
    }
    const cut = this.#rail.strike();
    this.#pulses.set(fuse, (this.#pulses.get(fuse) ?? 0) + 1);
    if (!cut || cut.burnt) this.#burnt.add(fuse);
    if (cut) throw new PowerLost();
  }
}
