/** Tiles of the log: a path has one spelling, and a bundle of entries holds exactly what it is written as. */
import assert from 'node:assert/strict';
import {
  decodeEntryBundle,
  encodeEntryBundle,
  parseTilePath,
  readTileNode,
  tilePath,
} from '@imprint/contract/audit/tile';
import { concatBytes } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { below, bytes, changed } from '../draws.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateText } from '../mutate-text.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

export function tilePathTarget(): FuzzTarget {
  return {
    name: 'tile-path',
    form: 'text',
    refusals: ['bad_request'],
    draw: (draw) => {
      const level = draw() < 0.3 ? 'entries' : below(draw, 64);
      const n = Math.floor(10 ** (draw() * 15));
      const path = tilePath(level, n, 1 + below(draw, 256));
      return bytesOf(draw() < 0.2 ? path : changed(draw, 2, path, (text) => mutateText(draw, text)));
    },
    judge: (input) => {
      const path = textOf(input);
      const { level, n, width } = parseTilePath(path);
      assert.equal(tilePath(level, n, width), path, 'a tile has two paths');
      assert.ok(width >= 1 && width <= 256 && Number.isSafeInteger(n), 'a tile out of range was accepted');
      return undefined;
    },
  };
}

/** The first octet says how many entries are asked for, the rest is the tile. */
export function tileTarget(): FuzzTarget {
  return {
    name: 'tile',
    form: 'bytes',
    refusals: ['log_inconsistent'],
    draw: (draw) => {
      const width = 1 + below(draw, 12);
      const bundle = encodeEntryBundle(Array.from({ length: width }, () => bytes(draw, below(draw, 60))));
      const broken = draw() < 0.2 ? bundle : changed(draw, 2, bundle, (one) => mutateBytes(draw, one));
      return concatBytes(Uint8Array.of(draw() < 0.9 ? width : below(draw, 256)), broken);
    },
    judge: (input) => {
      const width = 1 + (((input[0] ?? 0) + 255) % 256);
      const tile = input.subarray(1);
      readNodes(tile, width);
      const entries = decodeEntryBundle(tile, width);
      assert.equal(entries.length, width);
      assert.deepEqual(
        Buffer.from(encodeEntryBundle(entries)),
        Buffer.from(tile),
        'a bundle has two spellings',
      );
      return undefined;
    },
  };
}

/** The same bytes as a tile of hashes: too short is refused, never read past. */
function readNodes(tile: Uint8Array, width: number): void {
  for (const count of [1, 8, 256]) {
    const offset = (width * count) % 256;
    try {
      assert.equal(readTileNode({ level: 0, n: 0, offset, count }, tile).length, 32);
      assert.ok(tile.length >= (offset + count) * 32, 'a node was read past its tile');
    } catch (error) {
      if (!isImprintError(error, 'log_inconsistent')) throw error;
    }
  }
}
