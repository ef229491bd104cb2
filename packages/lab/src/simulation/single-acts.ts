/**
 * Decisions that nothing makes the same when they are taken twice, beside requests that are: no ID of theirs is remembered. What
 * was acknowledged is in the log, once and at the place that was told; what was not is there once or never (I-1, I-29).
 */
import type { AuthorityProcess } from './authority-process.ts';
import { type Chance, chance, type World } from './world.ts';

/** Judges them from the log. */
export interface ActJudge {
  acknowledged(act: string, index: number): void;
  /** It was refused, which a failure of the database may do, and the process's own clock where it is wrong. */
  refused(act: string, error: unknown, isClockRight: boolean): void;
}

export class SingleActs {
  readonly #judge: ActJudge;
  readonly #draw: Chance;
  #count = 0;

  constructor(world: World, judge: ActJudge) {
    this.#judge = judge;
    this.#draw = chance(world.entropy('single acts'));
  }

  /** Takes one now and then, in the tick that the request of this moment will be in. */
  beside({ ledger, life, line }: AuthorityProcess, isClockRight: () => boolean): void {
    if (this.#draw.below(2) === 0) return;
    const act = `act-${this.#count++}`;
    ledger
      .submit(async () => ({
        entries: [
          {
            type: 'alarm.raised' as const,
            actor: { kind: 'authority' as const, id: line.processId },
            data: { kind: 'log-inconsistent' as const, subject: act, detail: 'it is written once' },
          },
        ],
        reply: (firstIndex) => firstIndex,
      }))
      .then(
        (index) => life.alive && this.#judge.acknowledged(act, index),
        (error) => life.alive && this.#judge.refused(act, error, isClockRight()),
      );
  }
}
