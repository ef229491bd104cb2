/**
 * Random bytes drawn some thousand at a time: a call to the operating system's generator costs more than the rest of an entry.
 * What was given out is wiped here, and never given again.
 */
import type { Entropy } from '@imprint/authority/surroundings';

const bytesAhead = 4_096;

export function drawnAhead(draw: Entropy): Entropy {
  let ahead: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (length) => {
    if (length > bytesAhead) return draw(length);
    if (at + length > ahead.length) {
      // a copy: what Node calls a slice of its own bytes is a view of them
      ahead = new Uint8Array(draw(bytesAhead));
      at = 0;
    }
    const given = ahead.slice(at, at + length);
    ahead.fill(0, at, at + length);
    at += length;
    return given;
  };
}
