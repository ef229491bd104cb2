/** Randomness as a parameter: from the operating system on a bench, from a seed wherever a run must be repeatable. */
import { hash, randomBytes } from 'node:crypto';

/** Gives that many bytes; every call gives the next ones. */
export type Entropy = (length: number) => Uint8Array;

/** The operating system's generator. */
export const systemEntropy: Entropy = (length) => randomBytes(length);

/** A stream that the seed decides wholly: SHA-256 over seed and counter. Two names under one seed are unrelated. */
export function seededEntropy(seed: string, name = ''): Entropy {
  const prefix = hash('sha256', JSON.stringify([seed, name]), 'buffer');
  let counter = 0;
  let block = Buffer.alloc(0);
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      if (block.length === 0) {
        const count = Buffer.alloc(8);
        count.writeBigUInt64BE(BigInt(counter++));
        block = hash('sha256', Buffer.concat([prefix, count]), 'buffer');
      }
      const taken = block.subarray(0, length - at);
      bytes.set(taken, at);
      at += taken.length;
      block = block.subarray(taken.length);
    }
    return bytes;
  };
}

/** A number from 0 up to, and not including, 1, in steps of 2^-32. */
export function drawFraction(entropy: Entropy): number {
  return Buffer.from(entropy(4)).readUInt32BE() / 0x1_0000_0000;
}

/** A whole number from 0 up to, and not including, `end`. */
export function drawBelow(entropy: Entropy, end: number): number {
  return Math.floor(drawFraction(entropy) * end);
}
