/**
 * Which board lies where, and which label is on which board, as the people at the lanes see it. A board that was taken for
 * another before its first scan gets that other's label for good, and the boards' labels change places.
 */
import type { ChildEvent } from './child.ts';
import type { Tray } from './line-setup.ts';

export class Boards {
  readonly #inFixture = new Map<number, number>();
  readonly #ofLabel = new Map<number, number>();
  /** By lane: the board that lay there when its job was asked for. */
  readonly #asked = new Map<number, number>();
  readonly #fixtureOf: Map<number, number>;

  constructor(tray: Tray) {
    this.#fixtureOf = new Map(tray.lanes.map(({ lane, fixture }) => [lane, fixture]));
  }

  /** What a simulator says of its fixtures. */
  readonly moved = (event: ChildEvent): void => {
    if (event.event === 'loaded' || event.event === 'swapped') {
      this.#inFixture.set(Number(event.fixture), Number(event.unit));
    }
  };

  /** What the station says of its lanes: when it asks for a job it has read which board lies there. */
  readonly stepped = (event: ChildEvent): void => {
    const fixture = this.#fixtureOf.get(Number(event.lane));
    if (event.event !== 'step' || event.step !== 'open' || fixture === undefined) return;
    this.#asked.set(Number(event.lane), this.#inFixture.get(fixture)!);
  };

  /** The board that bears the label of this unit. */
  of(unit: number): number {
    return this.#ofLabel.get(unit) ?? unit;
  }

  /** True where the lane's last verdict was about another board than the one that bears the label of this unit. */
  wasAnother(unit: number, lane: number): boolean {
    const asked = this.#asked.get(lane);
    return asked !== undefined && asked !== this.of(unit);
  }

  /** A job was opened in this lane under the label of this unit: the label and the board that lay there belong together now. */
  bind(unit: number, lane: number): void {
    if (!this.wasAnother(unit, lane)) return;
    const board = this.#asked.get(lane)!;
    const former = this.of(unit);
    const holder = [...this.#ofLabel].find(([, held]) => held === board)?.[0] ?? board;
    this.#ofLabel.set(unit, board);
    this.#ofLabel.set(holder, former);
  }

  /** Before a scan: nothing was asked for in this lane yet. */
  clear(lane: number): void {
    this.#asked.delete(lane);
  }
}
