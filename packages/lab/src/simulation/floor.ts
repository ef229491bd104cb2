/** Fixtures, boards and labels: where each lies, and which label is on which board, as the people of the floor see it. */
import { Fixture } from '@imprint/sim/fixture';
import type { BoardOnFloor } from './boards.ts';
import { type Chance, chance, type World } from './world.ts';

/** Where a board can lie: a lane of a station. */
export interface Place {
  stationId: string;
  lane: number;
  fixture: Fixture;
}

export class Floor {
  readonly boards: readonly BoardOnFloor[];
  readonly #draw: Chance;
  readonly #world: World;
  readonly #placeOf = new Map<number, Place>();
  readonly #inPlace = new Map<Place, number>();
  /** By board: the ID on its label. */
  readonly #labels = new Map<number, string>();
  /** Boards that people mixed up: laid in for another, or under another's label. */
  readonly mixedUp = new Set<number>();
  readonly #boardOfUid: ReadonlyMap<string, number>;
  /** Told when another board was laid in by mistake. */
  swapped: (place: Place, was: number, now: number) => void = () => undefined;

  constructor(world: World, boards: readonly BoardOnFloor[]) {
    this.#world = world;
    this.boards = boards;
    this.#draw = chance(world.entropy('floor'));
    this.#boardOfUid = new Map(boards.map(({ uid, unit }) => [uid, unit]));
  }

  unitOfHardware(uid: string): number | undefined {
    return this.#boardOfUid.get(uid);
  }

  newPlace(stationId: string, lane: number): Place {
    return { stationId, lane, fixture: new Fixture({ timing: this.#world.timing }) };
  }

  label(unit: number): string | undefined {
    return this.#labels.get(unit);
  }

  stick(unit: number, deviceId: string): void {
    this.#labels.set(unit, deviceId);
  }

  /** The board that bears this label. */
  bearer(deviceId: string): number | undefined {
    for (const [unit, label] of this.#labels) if (label === deviceId) return unit;
    return undefined;
  }

  /** The label of another was taken for this board's, and holds for good: the two change places. */
  exchangeLabels(unit: number, other: number): void {
    const [mine, theirs] = [this.#labels.get(unit)!, this.#labels.get(other)!];
    this.#labels.set(unit, theirs);
    this.#labels.set(other, mine);
  }

  /** The board that lies there now. */
  in(place: Place): number | undefined {
    return this.#inPlace.get(place);
  }

  placeOf(unit: number): Place | undefined {
    return this.#placeOf.get(unit);
  }

  /** Lays the board in and switches it on; waits while it lies elsewhere. */
  async lay(place: Place, unit: number): Promise<void> {
    while (this.#placeOf.has(unit)) await this.#world.delay(500);
    this.#put(place, unit);
  }

  /** Takes out whatever lies there. */
  lift(place: Place): void {
    const unit = this.#inPlace.get(place);
    if (unit === undefined) return;
    this.boards[unit]!.device.onSwap(undefined);
    this.#inPlace.delete(place);
    this.#placeOf.delete(unit);
    place.fixture.unload();
  }

  /** Power goes from all fixtures of a station, and comes back a moment later. */
  cutPower(stationId: string): void {
    const places = [...this.#inPlace.keys()].filter((place) => place.stationId === stationId);
    for (const { fixture } of places) fixture.power(false);
    this.#world.after(1_000, () => {
      for (const { fixture } of places) fixture.power(true);
    });
  }

  #put(place: Place, unit: number): void {
    this.#inPlace.set(place, unit);
    this.#placeOf.set(unit, place);
    const { device } = this.boards[unit]!;
    device.onSwap(() => this.#swap(place));
    place.fixture.load(device);
  }

  /** Some board from the tray comes in the place of the one that lies there. */
  #swap(place: Place): boolean {
    const was = this.#inPlace.get(place);
    const free = this.boards.filter(({ unit }) => !this.#placeOf.has(unit));
    if (was === undefined || free.length === 0) return false;
    const { unit } = this.#draw.pick(free);
    this.lift(place);
    this.#put(place, unit);
    this.mixedUp.add(was).add(unit);
    this.swapped(place, was, unit);
    return true;
  }
}
