/**
 * The root of the log at every size, by RFC 6962 as its section 2.1 writes it down, from the entries that the disk gave.
 * Written apart from the program's own tree, which it judges.
 */
import { hash } from 'node:crypto';

export class MerkleRoots {
  /** By height: the hashes of the complete subtrees of 2^height leaves, from the left. */
  readonly #subtrees: Buffer[][] = [[]];

  get size(): number {
    return this.#subtrees[0]!.length;
  }

  append(entry: Uint8Array): void {
    let subtree = digest(0, entry);
    for (let height = 0; ; height++) {
      this.#subtrees[height] ??= [];
      const beside = this.#subtrees[height]!;
      beside.push(subtree);
      if (beside.length % 2 === 1) return;
      subtree = digest(1, beside.at(-2)!, subtree);
    }
  }

  /** Undefined where the log was never that long. */
  at(size: number): Buffer | undefined {
    if (!(size <= this.size)) return undefined;
    if (size === 0) return hash('sha256', '', 'buffer');
    return this.#root(0, size);
  }

  /** MTH of the leaves from `first` on: the left part has the largest power of two that is smaller than all. */
  #root(first: number, leaves: number): Buffer {
    const height = Math.log2(leaves);
    if (Number.isInteger(height)) return this.#subtrees[height]![first / leaves]!;
    const left = 2 ** Math.floor(height);
    return digest(1, this.#root(first, left), this.#root(first + left, leaves - left));
  }
}

function digest(prefix: number, ...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat([Uint8Array.of(prefix), ...parts]), 'buffer');
}
