/**
 * What time it is, as far as a device can believe it. Its own clock may have stopped while it lay in a box: so no time before the last one
 * that it knew is believed, and an authority that has proved itself may put the clock right.
 */
import { ImprintError } from '@imprint/contract/errors';

/** A certificate's life, ISO 8601 UTC. */
export interface Life {
  notBefore: string;
  notAfter: string;
}

export class BelievedTime {
  readonly #clock: () => Date;
  #floorMs: number;
  #offsetMs = 0;

  /** `clock`: the device's own. `floor`: the last time that it knew. */
  constructor(clock: () => Date, floor: string) {
    this.#clock = clock;
    this.#floorMs = Date.parse(floor);
  }

  now(): Date {
    return new Date(Math.max(this.#clock().getTime() + this.#offsetMs, this.#floorMs));
  }

  /**
   * A moment at which a server's certificate is to be judged where it is not valid now: one within its life that is not past belief.
   * Undefined where all of its life is before the last time that was known: then it is over, whatever the clock says.
   */
  momentWithin({ notBefore, notAfter }: Life): Date | undefined {
    const atMs = Math.max(Date.parse(notBefore), this.#floorMs);
    return atMs <= Date.parse(notAfter) ? new Date(atMs) : undefined;
  }

  /**
   * Takes the time that an authority says, whose certificate has this life: its key vouches for no other time.
   * @throws clock_untrusted where the time is outside of that, or before the last one that was known
   */
  learn(said: string, { notBefore, notAfter }: Life): void {
    const ms = Date.parse(said);
    if (ms >= Math.max(Date.parse(notBefore), this.#floorMs) && ms <= Date.parse(notAfter)) {
      this.#offsetMs = ms - this.#clock().getTime();
      this.#floorMs = ms;
      return;
    }
    throw new ImprintError(
      'clock_untrusted',
      `the authority says it is ${said}, which its certificate does not vouch for`,
      {
        hint: 'Nothing was changed. Look at the clock of the authority.',
      },
    );
  }
}
