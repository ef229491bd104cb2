/** Has what tells of revocation do its rounds, in a process that serves: one after another, and again however one ends. */
import { limits } from '@imprint/contract/limits';

export interface Rounds {
  /** Resolves when none is under way any more, and none begins. */
  stop(): Promise<void>;
}

/**
 * Begins a round at once and then with every poll, where the last one has ended. What stands in the way is reported once, and again only
 * after it was gone, or when it is something else.
 */
export function keepGoing(
  round: () => Promise<unknown>,
  every: (ms: number, act: () => void) => { stop: () => void },
  report: (error: unknown) => void,
): Rounds {
  let underWay: Promise<void> | undefined;
  let reported: string | undefined;
  let stopped = false;
  const begin = () => {
    if (stopped) return;
    underWay ??= round()
      .then(
        () => {
          reported = undefined;
        },
        (error) => {
          if (String(error) !== reported) report(error);
          reported = String(error);
        },
      )
      .finally(() => {
        underWay = undefined;
      });
  };
  begin();
  const timer = every(limits.revocationPollMs, begin);
  return {
    stop: async () => {
      stopped = true;
      timer.stop();
      await underWay;
    },
  };
}
