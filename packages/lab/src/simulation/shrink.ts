/**
 * Makes the history of a failure short: the faults that it does not need are left out, a half at a time, then one at a time. A
 * factory follows from its seed and its faults, so what is left fails again whoever runs it.
 */

/** Runs with these faults alone; true where the same invariant is broken. */
export type Fails = (only: ReadonlySet<number>) => Promise<boolean>;

/** The faults of `all` that the failure needs, found in at most `runs` runs: where those are used up, as few as by then. */
export async function shrink(all: readonly number[], fails: Fails, runs: number): Promise<number[]> {
  let left = runs;
  const stillFails = (ids: readonly number[]) => {
    left--;
    return fails(new Set(ids));
  };
  if (await stillFails([])) return [];
  let needed = [...all];
  for (let size = Math.ceil(needed.length / 2); size >= 1 && left > 0; ) {
    let isShorter = false;
    for (let at = 0; at < needed.length && left > 0; ) {
      const without = [...needed.slice(0, at), ...needed.slice(at + size)];
      if (without.length < needed.length && (await stillFails(without))) {
        needed = without;
        isShorter = true;
      } else at += size;
    }
    if (size === 1 && !isShorter) break;
    if (!isShorter || size > needed.length) size = Math.max(1, Math.ceil(size / 2));
  }
  return needed;
}
