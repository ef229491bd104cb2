/** Time as a parameter: what a unit waits for and by which clock its wire is paced. */

export interface Timing {
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  delay(ms: number): Promise<void>;
}

/** The machine's own time. */
export const realTiming: Timing = {
  nowMs: () => performance.now(),
  delay: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
