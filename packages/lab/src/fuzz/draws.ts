/** Draws that every mutator needs, over the numbers of one seed: the same seed gives the same input on every machine. */
import { createHash } from 'node:crypto';
import { type Draw, pick, seeded } from '../processes/seeded.ts';

export { type Draw, pick };

/** The draws of one iteration of one target: each is independent of all others, so one can be run again alone. */
export function drawsOf(seed: string, target: string, iteration: number): Draw {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, target, iteration]))
    .digest();
  return seeded(digest.readUInt32BE());
}

/** A whole number from 0 up to, and not including, `end`. */
export function below(draw: Draw, end: number): number {
  return Math.floor(draw() * end);
}

export function bytes(draw: Draw, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => below(draw, 256));
}

/** The result of 1 to `most` changes, few more often than many. */
export function changed<T>(draw: Draw, most: number, value: T, change: (value: T) => T): T {
  let result = value;
  for (let left = 1 + Math.floor(draw() ** 2 * most); left > 0; left--) result = change(result);
  return result;
}
