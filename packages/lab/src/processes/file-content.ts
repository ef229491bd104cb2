/** The content of one file that is written piece by piece; it grows ahead of need, for a trace appends thousands of times. */
import type { Operation } from './trace.ts';

type Write = Pick<Extract<Operation, { kind: 'write' }>, 'offset' | 'bytes'>;
export type Change = Write | { size: number };

export class FileContent {
  /** All beyond the size is zero. */
  #room: Buffer;
  #size: number;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#room = Buffer.from(bytes);
    this.#size = bytes.length;
  }

  apply(change: Change): void {
    if ('size' in change) {
      this.#makeRoom(change.size);
      this.#room.fill(0, change.size, Math.max(change.size, this.#size));
      this.#size = change.size;
      return;
    }
    const end = change.offset + change.bytes.length;
    this.#makeRoom(end);
    change.bytes.copy(this.#room, change.offset);
    this.#size = Math.max(this.#size, end);
  }

  /** A buffer of its own, which stays as it is. */
  bytes(): Buffer {
    return Buffer.from(this.#room.subarray(0, this.#size));
  }

  #makeRoom(size: number): void {
    if (size <= this.#room.length) return;
    const more = Buffer.alloc(Math.max(size, 2 * this.#room.length));
    this.#room.copy(more);
    this.#room = more;
  }
}
