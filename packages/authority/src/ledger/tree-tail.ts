/**
 * The growing end of the log: its frontier and the tiles that are not full, so that appending reads nothing else. It
 * is true only for the head that it was read at; after a tick that failed, it is thrown away.
 */
import { appendLeaf, type Frontier, frontierRoot, restoreFrontier } from '@imprint/contract/audit/merkle';
import { tileWidth } from '@imprint/contract/audit/tile';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely, Transaction } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { LogEntryTable, LogHeadTable, Tables } from '../storage/tables.ts';
import type { LogMark } from './known-log.ts';

const hashLength = 32;
const tileBytes = tileWidth * hashLength;
const tileHeight = 8;

interface OpenTile {
  tileIndex: number;
  width: number;
  bytes: Uint8Array;
}

export interface NewLeaf {
  /** The entry as it is stored. */
  packed: Uint8Array;
  leaf_hash: Uint8Array;
}

/** Another process appended since the head was read: the tick has to be done again. */
export class HeadMoved extends Error {}

export class TreeTail {
  #frontier: Frontier;
  #root: Uint8Array;
  #leaves: NewLeaf[] = [];
  /** The tile of each level that its next hash goes into, or that it filled last. */
  readonly #open: OpenTile[];
  #changed = new Map<string, { level: number; tile: OpenTile }>();

  private constructor(frontier: Frontier, root: Uint8Array, open: OpenTile[]) {
    this.#frontier = frontier;
    this.#root = root;
    this.#open = open;
  }

  /** The tail at `head`: `known` where that is it, otherwise read from the tables. */
  static async at(tx: Kysely<Tables>, head: LogHeadTable, known: TreeTail | undefined): Promise<TreeTail> {
    if (known !== undefined && known.size === head.size && equalBytes(known.#root, head.root)) return known;
    const hashes: Uint8Array[] = [];
    for (let at = 0; at < head.frontier.length; at += hashLength) {
      hashes.push(head.frontier.slice(at, at + hashLength));
    }
    const open: OpenTile[] = [];
    for (let level = 0, nodes = head.size; nodes > 0; level++, nodes = Math.floor(nodes / tileWidth)) {
      const tileIndex = Math.floor(nodes / tileWidth);
      const width = nodes % tileWidth;
      const bytes = new Uint8Array(tileBytes);
      if (width > 0) {
        const row = await tx
          .selectFrom('log_tile')
          .select('hashes')
          .where('level', '=', level)
          .where('tile_index', '=', tileIndex)
          .executeTakeFirst();
        if (row?.hashes.length !== width * hashLength) {
          throw new ImprintError(
            'log_inconsistent',
            `tile ${level}/${tileIndex} of the log does not hold the ${width} hashes that its size asks for`,
            { hint: 'Nothing was written. Run imprint audit verify before anything else is tried.' },
          );
        }
        bytes.set(row.hashes);
      }
      open[level] = { tileIndex, width, bytes };
    }
    return new TreeTail(restoreFrontier(head.size, hashes), Uint8Array.from(head.root), open);
  }

  /** Entries of the log, those appended and not yet written included. */
  get size(): number {
    return this.#frontier.size;
  }

  append(leaf: NewLeaf): void {
    this.#leaves.push(leaf);
    this.#frontier = appendLeaf(this.#frontier, leaf.leaf_hash, (node, hash) => {
      if (node.level % tileHeight === 0) this.#put(node.level / tileHeight, node.index, hash);
    });
  }

  /** Writes what was appended since the last writing, and moves the head from `head` to here. Answers with the log as it is then. */
  async write(tx: Transaction<Tables>, head: LogHeadTable, lastAt: string): Promise<LogMark | undefined> {
    const newest = this.#leaves.at(-1);
    if (newest === undefined) return undefined;
    for (const [at, leaf] of this.#leaves.entries()) {
      await writeEntry(tx, { log_index: head.size + at, ...leaf });
    }
    for (const { level, tile } of this.#changed.values()) {
      await writeTile(tx, {
        level,
        tile_index: tile.tileIndex,
        hashes: tile.bytes.subarray(0, tile.width * hashLength),
      });
    }
    const root = frontierRoot(this.#frontier);
    const moved = await moveHead(tx, {
      from_size: head.size,
      from_root: head.root,
      size: this.size,
      root,
      frontier: Buffer.concat(this.#frontier.hashes),
      last_at: lastAt,
    });
    if (moved.numAffectedRows !== 1n) throw new HeadMoved();
    this.#root = root;
    this.#leaves = [];
    this.#changed = new Map();
    return { size: this.size, root, leafHash: newest.leaf_hash };
  }

  #put(level: number, index: number, hash: Uint8Array): void {
    const tileIndex = Math.floor(index / tileWidth);
    const offset = index % tileWidth;
    let tile = this.#open[level];
    if (tile === undefined || tile.tileIndex !== tileIndex) {
      tile = { tileIndex, width: 0, bytes: new Uint8Array(tileBytes) };
      this.#open[level] = tile;
    }
    tile.bytes.set(hash, offset * hashLength);
    tile.width = offset + 1;
    this.#changed.set(`${level}/${tileIndex}`, { level, tile });
  }
}

const writeEntry = statement<LogEntryTable>((db, arg) =>
  db
    .insertInto('log_entry')
    .values({ log_index: arg('log_index'), packed: arg('packed'), leaf_hash: arg('leaf_hash') }),
);

const writeTile = statement<{ level: number; tile_index: number; hashes: Uint8Array }>((db, arg) =>
  db
    .insertInto('log_tile')
    .values({ level: arg('level'), tile_index: arg('tile_index'), hashes: arg('hashes') })
    .onConflict((conflict) =>
      conflict
        .columns(['level', 'tile_index'])
        .doUpdateSet((row) => ({ hashes: row.ref('excluded.hashes') })),
    ),
);

/** The compare-and-swap by which several processes share one log. */
const moveHead = statement<{
  from_size: number;
  from_root: Uint8Array;
  size: number;
  root: Uint8Array;
  frontier: Uint8Array;
  last_at: string;
}>((db, arg) =>
  db
    .updateTable('log_head')
    .set({ size: arg('size'), root: arg('root'), frontier: arg('frontier'), last_at: arg('last_at') })
    .where('id', '=', 1)
    .where('size', '=', arg('from_size'))
    .where('root', '=', arg('from_root')),
);
