/**
 * Nodes inside of tiles, computed once: most of what a proof costs is hashing the same upper tiles, and the same neighbours, anew.
 * It trusts no earlier reading: a node is only taken where the hashes that it was computed from are still the same.
 */
import { readTileNode, type TileSlot } from '@imprint/contract/audit/tile';
import { equalBytes } from '@imprint/contract/bytes';

interface KnownNode {
  below: Uint8Array;
  node: Uint8Array;
}

const hashLength = 32;
/** A smaller subtree is hashed as fast as it is looked up. */
const leastCount = 16;
/** Some two kilobytes each. */
const mostKnown = 2_000;
const known = new Map<string, KnownNode>();

/** As `readTileNode`. */
export function tileNode(slot: TileSlot, tile: Uint8Array): Uint8Array {
  if (slot.count < leastCount) return readTileNode(slot, tile);
  const key = `${slot.level}/${slot.n}/${slot.offset}/${slot.count}`;
  const below = tile.subarray(slot.offset * hashLength, (slot.offset + slot.count) * hashLength);
  const found = known.get(key);
  if (found !== undefined && equalBytes(found.below, below)) {
    // the first of a Map is its oldest: what is used goes to the end
    known.delete(key);
    known.set(key, found);
    return found.node;
  }
  const node = readTileNode(slot, tile);
  known.set(key, { below: Uint8Array.from(below), node });
  if (known.size > mostKnown) known.delete(known.keys().next().value!);
  return node;
}
