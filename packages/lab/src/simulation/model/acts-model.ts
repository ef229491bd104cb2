/** I-1, I-29, from the log alone: what is written once by whoever asks once. */
import { isImprintError } from '@imprint/contract/errors';
import type { ActJudge } from '../single-acts.ts';
import type { LogModel } from './log-model.ts';
import type { Violations } from './violation.ts';

export class ActsModel implements ActJudge {
  readonly #log: LogModel;
  readonly #violations: Violations;

  constructor(log: LogModel, violations: Violations) {
    this.#log = log;
    this.#violations = violations;
  }

  acknowledged(act: string, index: number): void {
    this.#log.pull();
    const places = this.#log.placesOf.get(act) ?? [];
    this.#violations.unless(
      places.length === 1 && places[0] === index,
      places.length === 0 ? 'I-1' : 'I-29',
      () =>
        `${act} was acknowledged as entry ${index}, and the log has it at ${places.join(', ') || 'no place'}`,
    );
  }

  /** I-8: a clock that is wrong stops its own process, and no other. */
  refused(act: string, error: unknown, isClockRight: boolean): void {
    const isOfClock = isImprintError(error, 'clock_untrusted');
    const mayBe = isOfClock ? !isClockRight : isImprintError(error, 'storage_failed', 'unavailable');
    this.#violations.unless(
      mayBe,
      isOfClock ? 'I-8' : 'I-29',
      () => `${act} was refused: ${(error as Error).message}`,
    );
  }

  /** At the end of the day: what nobody acknowledged is there once or never. */
  atEnd(): void {
    for (const [act, places] of this.#log.placesOf) {
      this.#violations.unless(
        places.length === 1,
        'I-29',
        () => `${act} was written ${places.length} times: at ${places.join(', ')}`,
      );
    }
  }
}
