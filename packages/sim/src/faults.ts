/**
 * What goes wrong on a line, drawn from a seed: noise on the wire, resets, power cuts and units that are swapped.
 * Each fault that struck is counted, so that a run can say what it lived through.
 */
import { drawBelow, drawFraction, type Entropy } from './entropy.ts';
import type { ArmedCut } from './power-rail.ts';

/** Each fault with its weight. `swap` is rare: it costs a real line two units. */
export const defaultFaultWeights = {
  /** The request does not arrive. */
  'request-lost': 2,
  /** Bytes of the request are missing. */
  'request-torn': 3,
  'request-flipped': 3,
  'request-doubled': 3,
  'reply-lost': 3,
  'reply-torn': 3,
  'reply-flipped': 3,
  'reply-doubled': 3,
  /** Colour codes and log lines before the reply, the last of them without a newline. */
  'reply-chatter': 3,
  /** The newline is missing, so that the next line runs into this one. */
  'reply-merged': 2,
  /** A line of noise longer than anybody takes, then the reply. */
  'reply-huge-line': 2,
  /** The watchdog: the session is gone, storage is not. */
  reset: 2,
  'power-before': 2,
  /** Strikes in the middle of a write or burn; where the command has none, after it. */
  'power-during': 3,
  /** Carried out, but the reply is never sent. */
  'power-after': 2,
  /** The fixture holds another unit from now on. */
  swap: 1,
} as const;

export type FaultKind = keyof typeof defaultFaultWeights;
export type FaultWeights = Record<FaultKind, number>;

const hugeLineBytes = 20 * 1024;

export interface FaultSourceOptions {
  /** Share of exchanges that are disturbed, 0 to 1. */
  rate: number;
  entropy: Entropy;
  weights?: Partial<FaultWeights>;
}

export class FaultSource {
  readonly #rate: number;
  readonly #entropy: Entropy;
  readonly #weights: [FaultKind, number][];
  readonly #counts = new Map<FaultKind, number>();

  constructor(options: FaultSourceOptions) {
    this.#rate = options.rate;
    this.#entropy = options.entropy;
    const weights = { ...defaultFaultWeights, ...options.weights };
    this.#weights = Object.entries(weights) as [FaultKind, number][];
  }

  /** What strikes the next exchange; undefined where nothing does. */
  draw(): FaultKind | undefined {
    if (drawFraction(this.#entropy) >= this.#rate) return undefined;
    const sum = this.#weights.reduce((total, [, weight]) => total + weight, 0);
    let left = drawFraction(this.#entropy) * sum;
    for (const [kind, weight] of this.#weights) {
      left -= weight;
      if (left < 0) return kind;
    }
    return undefined;
  }

  /** Notes that the fault has struck. */
  count(kind: FaultKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get counts(): Partial<Record<FaultKind, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }

  drawCut(): ArmedCut {
    const after = drawBelow(this.#entropy, 2);
    return { after, share: drawFraction(this.#entropy), burnt: drawFraction(this.#entropy) < 0.5 };
  }

  /** The lines that the unit hears in place of this one. */
  disturbRequest(kind: FaultKind | undefined, line: string): string[] {
    switch (kind) {
      case 'request-lost':
        return [];
      case 'request-doubled':
        return [line, line];
      case 'request-torn':
        return [Buffer.from(this.#tear(Buffer.from(line))).toString('utf8')].filter((heard) => heard !== '');
      case 'request-flipped':
        return [Buffer.from(this.#flip(Buffer.from(line))).toString('utf8')];
      default:
        return [line];
    }
  }

  /** The bytes on the wire in place of this reply and its newline. */
  disturbReply(kind: FaultKind | undefined, line: string): Uint8Array {
    const bytes = Buffer.from(`${line}\n`);
    switch (kind) {
      case 'reply-lost':
        return new Uint8Array();
      case 'reply-doubled':
        return Buffer.concat([bytes, bytes]);
      case 'reply-torn':
        return this.#tear(bytes);
      case 'reply-flipped':
        return this.#flip(bytes);
      case 'reply-merged':
        return bytes.subarray(0, -1);
      case 'reply-chatter':
        return Buffer.concat([
          Buffer.from('\x1b[32mI (1042) wifi: idle\x1b[0m\r\n\x1b[33mW (1043) heap: 41 kB'),
          bytes,
        ]);
      case 'reply-huge-line':
        return Buffer.concat([Buffer.alloc(hugeLineBytes, 0x55), Buffer.from('\n'), bytes]);
      default:
        return bytes;
    }
  }

  /** Takes 1 to 16 bytes out, somewhere. */
  #tear(bytes: Uint8Array): Uint8Array {
    const count = Math.min(bytes.length, 1 + drawBelow(this.#entropy, 16));
    const at = drawBelow(this.#entropy, bytes.length - count + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
  }

  /** Flips one bit in each of 1 to 4 bytes. */
  #flip(bytes: Uint8Array): Uint8Array {
    const flipped = Uint8Array.from(bytes);
    for (let count = 1 + drawBelow(this.#entropy, 4); count > 0; count--) {
      const at = drawBelow(this.#entropy, flipped.length);
      flipped[at] = flipped[at]! ^ (1 << drawBelow(this.#entropy, 8));
    }
    return flipped;
  }
}
