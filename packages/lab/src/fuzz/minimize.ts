/** Makes a failing input short: takes away what is not needed, from halves down to single bytes, in a bounded number of tries. */
import { concatBytes } from '@imprint/contract/bytes';

const mostTries = 400;

/** The shortest input found for which `shows` still holds. */
export async function minimized(
  input: Uint8Array,
  shows: (shorter: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = input;
  let tries = 0;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length && tries < mostTries; ) {
      tries++;
      const shorter = concatBytes(best.subarray(0, at), best.subarray(at + size));
      if (await shows(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
