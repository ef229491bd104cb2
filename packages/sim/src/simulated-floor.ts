/**
 * A floor: all units of a plan and the fixtures that they are laid into, one unit at a time each. A unit that is
 * lifted out keeps its board; swaps between fixture and tray are told to whoever listens.
 */
import { drawBelow, type Entropy, seededEntropy } from './entropy.ts';
import type { FaultKind } from './faults.ts';
import type { SimulatedUnit } from './simulated-unit.ts';
import type { OpenFixture } from './tcp-fixture.ts';
import { makeUnit, type UnitPlan } from './unit-plan.ts';

export interface FloorOptions {
  plan: UnitPlan;
  firstUnit: number;
  units: number;
  fixtures: readonly OpenFixture[];
  /** Told after the fault `swap` has struck. */
  onSwap?: (event: { fixture: number; was: number; unit: number }) => void;
}

export interface FloorReport {
  exchanges: number;
  faults: Partial<Record<FaultKind, number>>;
  /** Every unit that was ever laid in. */
  units: ({ unit: number; fixture: number | null } & ReturnType<SimulatedUnit['summary']>)[];
}

/** Thrown where a unit or fixture cannot be had; the message is a plain sentence. */
export class FloorRefusal extends Error {
  override name = 'FloorRefusal';
}

export class SimulatedFloor {
  readonly #options: FloorOptions;
  readonly #units = new Map<number, SimulatedUnit>();
  readonly #loaded = new Map<number, number>();
  readonly #entropy: Entropy;

  constructor(options: FloorOptions) {
    this.#options = options;
    this.#entropy = seededEntropy(options.plan.seed, `floor ${options.firstUnit}`);
  }

  /** Lays unit n into the fixture (counted from 1), in place of the one that lay there. */
  load(fixture: number, unit: number): void {
    const { fixture: place } = this.#fixture(fixture);
    const made = this.unit(unit);
    for (const [other, loaded] of this.#loaded) {
      if (loaded === unit && other !== fixture)
        throw new FloorRefusal(`Unit ${unit} lies in fixture ${other}.`);
    }
    this.unload(fixture);
    this.#loaded.set(fixture, unit);
    made.onSwap(() => this.#swap(fixture));
    place.load(made);
  }

  unload(fixture: number): void {
    const { fixture: place } = this.#fixture(fixture);
    place.unit?.onSwap(undefined);
    place.unload();
    this.#loaded.delete(fixture);
  }

  power(fixture: number, on: boolean): void {
    this.#fixture(fixture).fixture.power(on);
  }

  /** Unit n itself, made when it is first asked for. */
  unit(unit: number): SimulatedUnit {
    const { firstUnit, units, plan } = this.#options;
    if (!Number.isInteger(unit) || unit < firstUnit || unit >= firstUnit + units) {
      throw new FloorRefusal(`Unit ${unit} is not one of ${firstUnit} to ${firstUnit + units - 1}.`);
    }
    let made = this.#units.get(unit);
    if (!made) {
      made = makeUnit(plan, unit);
      this.#units.set(unit, made);
    }
    return made;
  }

  report(): FloorReport {
    const report: FloorReport = { exchanges: 0, faults: {}, units: [] };
    for (const [unit, made] of [...this.#units].sort(([a], [b]) => a - b)) {
      const fixture = [...this.#loaded].find(([, loaded]) => loaded === unit)?.[0] ?? null;
      report.units.push({ unit, fixture, ...made.summary() });
      report.exchanges += made.exchanges;
      for (const [kind, count] of Object.entries(made.faultCounts) as [FaultKind, number][]) {
        report.faults[kind] = (report.faults[kind] ?? 0) + count;
      }
    }
    return report;
  }

  async close(): Promise<void> {
    await Promise.all(this.#options.fixtures.map((fixture) => fixture.close()));
  }

  #fixture(fixture: number): OpenFixture {
    const found = this.#options.fixtures[fixture - 1];
    if (!found) throw new FloorRefusal(`There is no fixture ${fixture}.`);
    return found;
  }

  /** Puts a unit from the tray in the place of the one in the fixture; false where the tray is empty. */
  #swap(fixture: number): boolean {
    const { firstUnit, units } = this.#options;
    const taken = new Set(this.#loaded.values());
    const was = this.#loaded.get(fixture);
    if (was === undefined || units <= taken.size) return false;
    let unit = firstUnit + drawBelow(this.#entropy, units);
    while (taken.has(unit)) unit = firstUnit + ((unit - firstUnit + 1) % units);
    this.load(fixture, unit);
    this.#options.onSwap?.({ fixture, was, unit });
    return true;
  }
}
