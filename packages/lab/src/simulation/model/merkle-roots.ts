/**
 * The root of the log at every size, by RFC 6962 as its section 2.1 writes it down, from the entries that the disk gave.
 * Written apart from the program's own tree, which it judges.
 */
import { createHash } from 'node:crypto';

export class MerkleRoots {
  /** Complete subtrees, the largest first, with their numbers of leaves. */
  readonly #peaks: { leaves: number; hash: Buffer }[] = [];
  readonly #roots: Buffer[] = [createHash('sha256').digest()];

  get size(): number {
    return this.#roots.length - 1;
  }

  append(entry: Uint8Array): void {
    const peaks = this.#peaks;
    peaks.push({ leaves: 1, hash: digest(0, entry) });
    while (peaks.length > 1 && peaks.at(-1)!.leaves === peaks.at(-2)!.leaves) {
      const right = peaks.pop()!;
      const left = peaks.pop()!;
      peaks.push({ leaves: 2 * left.leaves, hash: digest(1, left.hash, right.hash) });
    }
    let root = peaks.at(-1)!.hash;
    for (let at = peaks.length - 2; at >= 0; at--) root = digest(1, peaks[at]!.hash, root);
    this.#roots.push(root);
  }

  /** Undefined where the log was never that long. */
  at(size: number): Buffer | undefined {
    return this.#roots[size];
  }
}

function digest(prefix: number, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(Uint8Array.of(prefix));
  for (const part of parts) hash.update(part);
  return hash.digest();
}
