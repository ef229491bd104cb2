/** Cuts a byte stream into lines under a cap: an endless line costs its cap and no more, then is dropped and counted. */

export interface SplitLines {
  lines: string[];
  /** Lines that were longer than the cap and are lost, ended in this call. */
  dropped: number;
}

export class LineSplitter {
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: false });
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #overflowing = false;

  /** `maxBytes`: the longest line that is kept, without its newline. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes what arrived and gives the lines that are whole now; empty lines are left out. */
  push(bytes: Uint8Array): SplitLines {
    const result: SplitLines = { lines: [], dropped: 0 };
    let from = 0;
    for (let newline = bytes.indexOf(10); newline >= 0; newline = bytes.indexOf(10, from)) {
      this.#hold(bytes.subarray(from, newline));
      from = newline + 1;
      if (this.#overflowing) result.dropped++;
      else if (this.#heldBytes > 0) {
        const line = this.#decoder.decode(this.#joined()).replace(/\r$/, '');
        if (line !== '') result.lines.push(line);
      }
      this.clear();
    }
    this.#hold(bytes.subarray(from));
    return result;
  }

  /** Forgets what was begun. */
  clear(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#overflowing = false;
  }

  #hold(bytes: Uint8Array): void {
    if (this.#overflowing || bytes.length === 0) return;
    if (this.#heldBytes + bytes.length > this.#maxBytes) {
      this.#held = [];
      this.#heldBytes = 0;
      this.#overflowing = true;
      return;
    }
    this.#held.push(bytes.slice());
    this.#heldBytes += bytes.length;
  }

  #joined(): Uint8Array {
    if (this.#held.length === 1) return this.#held[0]!;
    const whole = new Uint8Array(this.#heldBytes);
    let offset = 0;
    for (const piece of this.#held) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    return whole;
  }
}
