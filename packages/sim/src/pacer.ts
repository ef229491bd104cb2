/**
 * Lets bytes through as a serial line does, ten bits a byte, to within a millisecond: each piece is released when its
 * last bit has gone by, on a schedule that does not drift however late a timer fires.
 */
import type { Timing } from './timing.ts';

const bitsPerByte = 10;
/** Pieces of about this many milliseconds, so that a long line costs few timers and still comes bit by bit. */
const pieceMs = 8;
/** A wait shorter than this is under what a timer can do and is made up by the next piece. */
const finestWaitMs = 0.5;
/** What waits for the wire beyond this is lost, as in a buffer that runs over. */
const queuedBytes = 256 * 1024;

export class Pacer {
  readonly #timing: Timing;
  readonly #bytesPerMs: number;
  readonly #release: (bytes: Uint8Array) => void;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #lineFreeAtMs = 0;
  #running = false;
  #epoch = 0;

  /** `baud` undefined: a line without delay. */
  constructor(baud: number | undefined, timing: Timing, release: (bytes: Uint8Array) => void) {
    this.#bytesPerMs = baud === undefined ? Number.POSITIVE_INFINITY : baud / bitsPerByte / 1000;
    this.#timing = timing;
    this.#release = release;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY) {
      this.#release(bytes);
      return;
    }
    if (this.#queuedBytes + bytes.length > queuedBytes) return;
    this.#queuedBytes += bytes.length;
    const size = Math.max(1, Math.round(this.#bytesPerMs * pieceMs));
    for (let at = 0; at < bytes.length; at += size) this.#queue.push(bytes.slice(at, at + size));
    if (!this.#running) void this.#run();
  }

  /** Drops what is under way, as when the cable is pulled. */
  clear(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#lineFreeAtMs = 0;
    this.#epoch++;
    this.#running = false;
  }

  async #run(): Promise<void> {
    this.#running = true;
    const epoch = this.#epoch;
    this.#lineFreeAtMs = Math.max(this.#lineFreeAtMs, this.#timing.nowMs());
    for (let piece = this.#queue.shift(); piece; piece = this.#queue.shift()) {
      this.#lineFreeAtMs += piece.length / this.#bytesPerMs;
      const wait = this.#lineFreeAtMs - this.#timing.nowMs();
      if (wait >= finestWaitMs) await this.#timing.delay(wait);
      if (epoch !== this.#epoch) return;
      this.#queuedBytes -= piece.length;
      this.#release(piece);
      // The listener may have pulled the cable.
      if (epoch !== this.#epoch) return;
    }
    this.#running = false;
  }
}
