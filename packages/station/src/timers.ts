/** Monotonic time and timers as a port, so that a test can run an hour of retries at once. It says nothing about the date. */

export interface Timers {
  /** Milliseconds since some fixed moment; never runs backwards. */
  nowMs(): number;
  /** Runs `action` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, action: () => void): () => void;
}

/** Resolves after `delayMs`. */
export function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, resolve);
  });
}

/** The process's own timers. */
export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
