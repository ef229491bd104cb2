/**
 * What goes wrong, and when: for each unit a short story of faults, each bound to a phase of that unit's visits. An
 * operation asks here whether it is struck; what struck is counted and told.
 */
import {
  type Cell,
  catalogue,
  cellsOfAll,
  cellsOfReplicasAlone,
  cellsOfSole,
  type FaultName,
  type Phase,
  type Site,
} from './catalogue.ts';
import { productOf } from './products.ts';
import { chance, type World } from './world.ts';

export interface PlannedFault extends Cell {
  /** Its number in this factory's plan: a shrunk run names those that it needs. */
  id: number;
  unit: number;
  /** Strikes after the unit came back, and not while it is first made. */
  isLater?: true;
  /** How many operations of its kind pass before the one that is struck. */
  skip: number;
  /** A number from 0 up to 1 that decides whatever else there is to decide. */
  draw: number;
}

export interface Struck extends PlannedFault {
  atMs: number;
}

/** Of ten units, how many live through no fault, one, two and three; a fault that needs another one before it brings that too. */
const faultsPerUnit = [0, 0, 0, 0, 1, 1, 1, 1, 2, 3];

/** Few factories have several authorities, so that each of their boards has its part of what only those can try. */
const faultsPerUnitOfReplicas = [1, 1, 1, 1, 2, 2, 2, 2, 2, 3];

/** The faults of a factory of `units`: cell after cell, so that a factory that is large enough meets every one. */
export function planFaults(
  world: World,
  units: number,
  firstCell: number,
  hasReplicas: boolean,
): PlannedFault[] {
  const planned: PlannedFault[] = [];
  const perUnit = hasReplicas ? faultsPerUnitOfReplicas : faultsPerUnit;
  const dueCells = hasReplicas ? cellsOfReplicasAlone : cellsOfSole;
  let beside = firstCell;
  let cell = firstCell;
  for (let unit = 0; unit < units; unit++) {
    const draw = chance(world.entropy(`story ${unit}`));
    const count = draw.pick(perUnit);
    for (let at = 0; at < count; at++) {
      // the first of a unit is the next that is due; those beside it are any, or with replicas the next of those that all have
      const due =
        at === 0
          ? dueCells[cell++ % dueCells.length]!
          : hasReplicas
            ? cellsOfAll[beside++ % cellsOfAll.length]!
            : draw.pick(cellsOfSole);
      // a report is one request with one commit, and there is none to let pass
      const skip = due.phase === 'report' || draw.fraction() < 0.5 ? 0 : draw.below(4);
      // a start only is where an end was
      if (due.phase === 'recover') {
        const kill = { fault: 'station-killed' as const, phase: draw.pick(interrupted) };
        planned.push({ ...kill, id: planned.length, unit, skip: 0, draw: draw.fraction() });
      }
      if (due.phase === 'report') {
        planned.push({ ...causeOfReport(unit), id: planned.length, unit, skip: 0, draw: draw.fraction() });
      }
      planned.push({ ...due, id: planned.length, unit, skip, draw: draw.fraction() });
    }
  }
  return planned;
}

/** Of so many boards that are done, one is packed. */
const packEvery = 10;
export const isPacked = (unit: number): boolean => unit % packEvery === 0;

/** Boards that are packed and come back: what strikes them then is planned beside all that strikes them at first. */
export const comesBack = (unit: number): boolean => isPacked(unit) && !productOf(unit).isTwoVisits;

/** After these a board is rightly set aside, or they need labels and reports that a second life has none of. */
const atFirstOnly: ReadonlySet<FaultName> = new Set([
  'unit-swapped',
  'network-reply-replayed',
  'network-replies-swapped',
]);
const faultsOfSecondLife = 3;

/** The faults of the boards that come back, numbered after those that were planned before. */
export function planSecondLives(
  world: World,
  units: number,
  firstCell: number,
  before: readonly PlannedFault[],
  hasReplicas: boolean,
): PlannedFault[] {
  const cells = (hasReplicas ? cellsOfAll : cellsOfSole).filter(
    ({ fault, phase }) => interrupted.includes(phase) && !atFirstOnly.has(fault),
  );
  const planned: PlannedFault[] = [];
  let cell = firstCell;
  for (let unit = 0; unit < units; unit++) {
    if (!comesBack(unit)) continue;
    const draw = chance(world.entropy(`second story ${unit}`));
    for (let at = 0; at < faultsOfSecondLife; at++) {
      // far apart in the list, so that a few boards meet most kinds
      const due = cells[(cell++ * 29) % cells.length]!;
      const id = before.length + planned.length;
      planned.push({ ...due, id, unit, isLater: true, skip: draw.below(3), draw: draw.fraction() });
    }
  }
  return planned;
}

/** What makes an attempt of this board fail, so that there is a report: labels are scanned back only where they come last. */
function causeOfReport(unit: number): Cell {
  return productOf(unit).isTwoVisits
    ? { fault: 'wrong-label-back', phase: 'label' }
    : { fault: 'network-down', phase: 'prove' };
}

const interrupted: readonly Phase[] = ['identify', 'key', 'write', 'prove', 'seal', 'attest', 'complete'];

export class Faults {
  readonly #world: World;
  readonly #waiting = new Map<number, PlannedFault[]>();
  readonly #later = new Map<number, PlannedFault[]>();
  /** Faults whose unit is in their phase now. */
  readonly #armed: PlannedFault[] = [];
  readonly #phaseOf = new Map<number, Phase>();
  readonly struck: Struck[] = [];

  /** `only`: the IDs of the faults that may strike; absent, all. */
  constructor(world: World, plan: readonly PlannedFault[], only?: ReadonlySet<number>) {
    this.#world = world;
    for (const planned of plan) {
      if (only !== undefined && !only.has(planned.id)) continue;
      const waiting = planned.isLater ? this.#later : this.#waiting;
      const own = waiting.get(planned.unit);
      if (own) own.push({ ...planned });
      else waiting.set(planned.unit, [{ ...planned }]);
    }
  }

  /** The unit came back: what did not strike before does no more, and its second story begins. */
  beginSecondLife(unit: number): void {
    for (let at = this.#armed.length - 1; at >= 0; at--) {
      if (this.#armed[at]!.unit === unit) this.#armed.splice(at, 1);
    }
    this.#waiting.set(unit, this.#later.get(unit) ?? []);
  }

  phaseOf(unit: number): Phase | undefined {
    return this.#phaseOf.get(unit);
  }

  /** The unit is in another phase now, or in none. What strikes at any time in that phase is given back at once. */
  enter(unit: number, phase: Phase | undefined): PlannedFault[] {
    if (phase === undefined) this.#phaseOf.delete(unit);
    else this.#phaseOf.set(unit, phase);
    for (let at = this.#armed.length - 1; at >= 0; at--) {
      const armed = this.#armed[at]!;
      if (armed.unit !== unit || armed.phase === phase) continue;
      this.#armed.splice(at, 1);
      // sooner, when its phase comes again
      armed.skip >>= 1;
      this.#waiting.get(unit)!.push(armed);
    }
    const waiting = this.#waiting.get(unit);
    if (waiting === undefined || phase === undefined) return [];
    const now: PlannedFault[] = [];
    for (let at = waiting.length - 1; at >= 0; at--) {
      const planned = waiting[at]!;
      if (planned.phase !== phase) continue;
      waiting.splice(at, 1);
      if (catalogue[planned.fault].site === 'any-time') now.push(this.#strike(planned));
      else this.#armed.push(planned);
    }
    return now;
  }

  /** The fault that strikes this operation, if one does: of this site, for a unit that it concerns. */
  strike(
    site: Site,
    concerns: (unit: number) => boolean,
    fits: (fault: FaultName) => boolean = () => true,
  ): PlannedFault | undefined {
    for (let at = 0; at < this.#armed.length; at++) {
      const armed = this.#armed[at]!;
      if (catalogue[armed.fault].site !== site || !concerns(armed.unit) || !fits(armed.fault)) continue;
      if (armed.skip > 0) {
        armed.skip--;
        continue;
      }
      this.#armed.splice(at, 1);
      return this.#strike(armed);
    }
    return undefined;
  }

  /** A fault of this site that waits for the unit, without striking. */
  peek(site: Site, unit: number): PlannedFault | undefined {
    return this.#armed.find((armed) => armed.unit === unit && catalogue[armed.fault].site === site);
  }

  /** What was seen by {@link peek} has struck. */
  confirm(planned: PlannedFault): void {
    const at = this.#armed.indexOf(planned);
    if (at < 0) return;
    this.#armed.splice(at, 1);
    this.#strike(planned);
  }

  #strike(planned: PlannedFault): PlannedFault {
    this.struck.push({ ...planned, atMs: this.#world.nowMs });
    return planned;
  }
}
