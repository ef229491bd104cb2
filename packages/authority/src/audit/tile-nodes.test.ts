import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { readTileNode } from '@imprint/contract/audit/tile';
import { tileNode } from './tile-nodes.ts';

test('I-16: a node that was computed before is not taken where one of the hashes below it is another one', () => {
  for (const count of [1, 16, 128]) {
    const slot = { level: 0, n: 7, offset: 128, count };
    const tile = new Uint8Array(randomBytes(256 * 32));
    const node = tileNode(slot, tile);
    assert.deepEqual(node, readTileNode(slot, tile));
    assert.deepEqual(tileNode(slot, tile), node);
    tile[(128 + count) * 32 - 1]! ^= 1;
    assert.notDeepEqual(tileNode(slot, tile), node);
    assert.deepEqual(tileNode(slot, tile), readTileNode(slot, tile));
  }
});

test('a node of a growing tile is the same when the tile has grown', () => {
  const slot = { level: 0, n: 8, offset: 0, count: 64 };
  const tile = new Uint8Array(randomBytes(256 * 32));
  assert.deepEqual(tileNode(slot, tile.subarray(0, 64 * 32)), tileNode(slot, tile));
});
