/** The unit's supply: a cut that is armed here strikes in the middle of a write or of a fuse burn, as on a bench. */

/** Thrown through the firmware where the supply fails; only the unit catches it, and boots anew. */
export class PowerLost extends Error {
  constructor() {
    super('the supply failed');
    this.name = 'PowerLost';
  }
}

export interface ArmedCut {
  /** How many writes and burns go well before the one that is struck. */
  after: number;
  /** Share of the struck write's bytes that still reach the storage, 0 to 1. */
  share: number;
  /** Whether the struck fuse is burnt. It is so or it is not; there is no half. */
  burnt: boolean;
}

export class PowerRail {
  #cut: ArmedCut | undefined;

  arm(cut: ArmedCut): void {
    this.#cut = { ...cut };
  }

  /** Takes back a cut that has not struck; true where there was one. */
  disarm(): boolean {
    const was = this.#cut !== undefined;
    this.#cut = undefined;
    return was;
  }

  /** The cut that strikes this very write or burn. */
  strike(): ArmedCut | undefined {
    const cut = this.#cut;
    if (!cut) return undefined;
    if (cut.after > 0) {
      cut.after--;
      return undefined;
    }
    this.#cut = undefined;
    return cut;
  }
}
