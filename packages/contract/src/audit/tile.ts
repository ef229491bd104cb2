/**
 * C2SP tlog-tiles: how a log's tree and entries are cut into tiles, and how nodes are read out of them. It trusts no
 * path and no tile: one spelling of each path, exact widths, exact lengths.
 */

import { concatBytes } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import {
  type Frontier,
  frontierNodes,
  hashBytes,
  type NodeRef,
  nodeHash,
  restoreFrontier,
} from './merkle.ts';

/** A tile's place: hash tiles have a level from 0 to 63, entry bundles the level `entries`. */
export type TileLevel = number | 'entries';

export interface TileRef {
  level: TileLevel;
  /** Number of the tile in its level. */
  n: number;
  /** Hashes or entries in it: 256 in a full tile, 1 to 255 in a partial one. */
  width: number;
}

/** Where the hash of a complete subtree lies: the root of `count` neighbouring hashes from `offset` on, in tile `n` of `level`. */
export interface TileSlot {
  level: number;
  n: number;
  offset: number;
  count: number;
}

export const tileWidth = 256;
const tileHeight = 8;
const maxLevel = 63;

/** The path of a tile below the log's prefix, such as `tile/0/x001/x234/067.p/12`. */
export function tilePath(level: TileLevel, n: number, width: number = tileWidth): string {
  if (level !== 'entries' && !inRange(level, 0, maxLevel))
    throw badTile(`Tile level ${level} is not from 0 to 63.`);
  if (!inRange(n, 0, Number.MAX_SAFE_INTEGER)) throw badTile(`Tile number ${n} is not a whole number.`);
  if (!inRange(width, 1, tileWidth)) throw badTile(`Tile width ${width} is not from 1 to 256.`);
  const groups = [String(n % 1000).padStart(3, '0')];
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width === tileWidth ? '' : `.p/${width}`}`;
}

const tilePattern =
  /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The tile that a path names. Any other spelling, such as a leading `x000`, a width of 256 or a level above 63, is `bad_request`. */
export function parseTilePath(path: string): TileRef {
  const match = path.length <= 64 ? tilePattern.exec(path) : null;
  if (match === null) throw badTile('This is not the path of a tile.');
  const level = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const n = Number(match[2]!.replaceAll('x', '').replaceAll('/', ''));
  const width = match[3] === undefined ? tileWidth : Number(match[3]);
  if (!Number.isSafeInteger(n) || tilePath(level, n, width) !== path || match[3] === '256') {
    throw badTile('This tile path has another spelling.');
  }
  return { level, n, width };
}

/** All hash tiles of a log of `size` entries, level by level, each level ending in its partial tile where it has one. */
export function hashTilesFor(size: number): TileRef[] {
  return changedHashTiles(0, size);
}

/** The hash tiles that a log of `size` entries has and one of `oldSize` has not: what a publisher writes when the log grew. */
export function changedHashTiles(oldSize: number, size: number): TileRef[] {
  const tiles: TileRef[] = [];
  for (let level = 0, old = oldSize, now = size; now > 0; level++) {
    addChangedTiles(tiles, level, old, now);
    old = Math.floor(old / tileWidth);
    now = Math.floor(now / tileWidth);
  }
  return tiles;
}

/** The entry bundles that a log of `size` entries has and one of `oldSize` has not. */
export function changedEntryTiles(oldSize: number, size: number): TileRef[] {
  const tiles: TileRef[] = [];
  addChangedTiles(tiles, 'entries', oldSize, size);
  return tiles;
}

/** Where the hash of a complete subtree is read: always a tile that exists, full or partial, at any size that holds the subtree. */
export function tileSlot(node: NodeRef): TileSlot {
  const within = node.level % tileHeight;
  const count = 2 ** within;
  const perTile = tileWidth / count;
  return {
    level: (node.level - within) / tileHeight,
    n: Math.floor(node.index / perTile),
    offset: (node.index % perTile) * count,
    count,
  };
}

/** The subtree's hash from the bytes of its tile (at least as wide as the slot reaches); `log_inconsistent` where the tile is too short. */
export function readTileNode(slot: TileSlot, tile: Uint8Array): Uint8Array {
  if (tile.length % hashBytes !== 0 || tile.length < (slot.offset + slot.count) * hashBytes) {
    throw new ImprintError(
      'log_inconsistent',
      `Tile ${tilePath(slot.level, slot.n)} has ${tile.length} bytes.`,
      {
        hint: 'Fetch the tile again; if it stays so, the log is damaged: run `imprint audit verify`.',
        context: { level: slot.level, n: slot.n, bytes: tile.length },
      },
    );
  }
  let hashes = tile.slice(slot.offset * hashBytes, (slot.offset + slot.count) * hashBytes);
  while (hashes.length > hashBytes) {
    const parents = new Uint8Array(hashes.length / 2);
    for (let at = 0; at < hashes.length; at += 2 * hashBytes) {
      const [left, right] = [
        hashes.subarray(at, at + hashBytes),
        hashes.subarray(at + hashBytes, at + 2 * hashBytes),
      ];
      parents.set(nodeHash(left, right), at / 2);
    }
    hashes = parents;
  }
  return hashes;
}

/** The frontier of a log of `size` entries out of its tiles, which `readTile` gives by reference. */
export function frontierFromTiles(size: number, readTile: (tile: TileRef) => Uint8Array): Frontier {
  const hashes = frontierNodes(size).map((node) => {
    const slot = tileSlot(node);
    return readTileNode(slot, readTile({ level: slot.level, n: slot.n, width: tileWidthAt(size, slot) }));
  });
  return restoreFrontier(size, hashes);
}

/** How wide a tile is in a log of `size` entries; 0 where it does not exist. */
export function tileWidthAt(size: number, tile: { level: TileLevel; n: number }): number {
  const nodes = tile.level === 'entries' ? size : Math.floor(size / tileWidth ** tile.level);
  return Math.max(0, Math.min(tileWidth, nodes - tile.n * tileWidth));
}

/** An entry bundle: before each of 1 to 256 entries its length as a big-endian 16-bit number. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (!inRange(entries.length, 1, tileWidth))
    throw badTile(`A bundle holds 1 to 256 entries, not ${entries.length}.`);
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > limits.logEntryBytes)
      throw badTile(`An entry of ${entry.length} bytes is over the cap.`);
    parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry);
  }
  return concatBytes(...parts);
}

/** The `width` entries of a bundle; a length that points past the end, a missing entry or trailing bytes are `log_inconsistent`. */
export function decodeEntryBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width && at + 2 <= bundle.length) {
    const end = at + 2 + ((bundle[at]! << 8) | bundle[at + 1]!);
    if (end > bundle.length) break;
    entries.push(bundle.slice(at + 2, end));
    at = end;
  }
  if (entries.length !== width || at !== bundle.length) {
    throw new ImprintError('log_inconsistent', `An entry bundle does not hold exactly ${width} entries.`, {
      hint: 'Fetch the bundle again; if it stays so, the log is damaged: run `imprint audit verify`.',
      context: { width, entries: entries.length, offset: at, bytes: bundle.length },
    });
  }
  return entries;
}

function addChangedTiles(tiles: TileRef[], level: TileLevel, old: number, now: number): void {
  if (old === now) return;
  for (let n = Math.floor(old / tileWidth); n * tileWidth < now; n++) {
    tiles.push({ level, n, width: Math.min(tileWidth, now - n * tileWidth) });
  }
}

function inRange(value: number, low: number, high: number): boolean {
  return Number.isSafeInteger(value) && value >= low && value <= high;
}

function badTile(message: string): ImprintError {
  return new ImprintError('bad_request', message, {
    hint: 'Tile paths look like tile/0/x001/067 or tile/entries/000.p/12.',
  });
}
