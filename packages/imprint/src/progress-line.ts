/** One line on a terminal that says how far long work is; elsewhere nothing, since a log has no use for it. */
import type { SayOptions } from './say.ts';

export interface ProgressLine {
  show(what: string, done: number, of?: number): void;
  /** Leaves the line empty for what comes after it. */
  clear(): void;
}

const leastPauseMs = 100;

export function progressLine(
  options: SayOptions,
  out: NodeJS.WriteStream = process.stderr,
  monotonicMs: () => number = () => performance.now(),
): ProgressLine {
  if (!out.isTTY || options.json === true) return { show: () => undefined, clear: () => undefined };
  let shownMs = Number.NEGATIVE_INFINITY;
  return {
    show: (what, done, of) => {
      if (monotonicMs() - shownMs < leastPauseMs) return;
      shownMs = monotonicMs();
      out.write(`\r\u001b[K${what}: ${of === undefined ? done : `${done} of ${of}`}`);
    },
    clear: () => void out.write('\r\u001b[K'),
  };
}
