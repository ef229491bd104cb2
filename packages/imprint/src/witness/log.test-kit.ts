/** Small logs with one key, as large and as forked as a test wants them. They trust their test alone. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { signCheckpoint, type VerifierKey, verifierKey } from '@imprint/contract/audit/checkpoint';
import {
  appendLeaf,
  consistencyProof,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  leafHash,
  type NodeRef,
} from '@imprint/contract/audit/merkle';
import { parseTilePath, tileWidth } from '@imprint/contract/audit/tile';
import { ImprintError } from '@imprint/contract/errors';
import type { ReadLog } from './log-source.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
export const testLogKey: VerifierKey = verifierKey('log.example/dev', raw);

export class TestLog {
  #frontiers: Frontier[] = [emptyFrontier];
  #nodes = new Map<string, Uint8Array>();
  /** Where it differs from others: entries from here on. */
  #branch: string;

  constructor(size: number, forkedAt = Number.POSITIVE_INFINITY, branch = 'fork') {
    this.#branch = branch;
    for (let at = 0; at < size; at++) {
      const entry = new TextEncoder().encode(at < forkedAt ? `${at}` : `${this.#branch} ${at}`);
      this.#frontiers.push(
        appendLeaf(this.#frontiers[at]!, leafHash(entry), (node, hash) => this.#nodes.set(name(node), hash)),
      );
    }
  }

  note(size = this.#frontiers.length - 1): Promise<string> {
    const head = { origin: testLogKey.name, size, root: frontierRoot(this.#frontiers[size]!) };
    return signCheckpoint(head, testLogKey, (message) => sign(null, message, privateKey));
  }

  proof(from: number, to: number): Uint8Array[] {
    return consistencyProof(from, to, (node) => this.#nodes.get(name(node))!);
  }

  /** The log as it was at `size`. */
  read(size = this.#frontiers.length - 1): ReadLog {
    return async (path, maxBytes) => {
      if (path === 'checkpoint') return new TextEncoder().encode(await this.note(size));
      const { level, n, width } = parseTilePath(path);
      const hashes = Array.from({ length: width }, (_, at) =>
        this.#nodes.get(name({ level: Number(level) * 8, index: n * tileWidth + at })),
      );
      const last = (n * tileWidth + width) * tileWidth ** Number(level);
      const tile = Buffer.concat(hashes.map((hash) => hash ?? new Uint8Array()));
      if (last > size || tile.length !== width * 32 || tile.length > maxBytes) {
        throw new ImprintError('unavailable', `there is no ${path}`);
      }
      return tile;
    };
  }
}

function name({ level, index }: NodeRef): string {
  return `${level}/${index}`;
}
