import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, toUtf8 } from '../bytes.ts';
import { appendLeaf, emptyFrontier, type Frontier, frontierRoot, leafHash, type NodeRef } from './merkle.ts';
import {
  changedEntryTiles,
  changedHashTiles,
  decodeEntryBundle,
  encodeEntryBundle,
  frontierFromTiles,
  hashTilesFor,
  parseTilePath,
  readTileNode,
  type TileRef,
  tilePath,
  tileSlot,
  tileWidthAt,
} from './tile.ts';

const refusedPaths = [
  '',
  'tile/0/67',
  'tile/0/x067',
  'tile/0/x000/067',
  'tile/0/x000/x001/067',
  'tile/0/001/067',
  'tile/0/x001/x067',
  'tile/0/0067',
  'tile/00/067',
  'tile/64/067',
  'tile/-1/067',
  'tile/0/067.p/0',
  'tile/0/067.p/256',
  'tile/0/067.p/01',
  'tile/0/067.p/999',
  'tile/0/067.p/',
  'tile/0/067.p',
  'tile/0/067/',
  '/tile/0/067',
  'tile/entries/../067',
  'tile/data/067',
  'tile/0/067\n',
  'tile/0/x009/x007/x199/x254/x740/992',
  'tile/0/x999/x999/x999/x999/x999/x999/x999/999',
];
for (const path of refusedPaths) {
  test(`refuses the tile path ${JSON.stringify(path)}`, () => {
    assert.throws(() => parseTilePath(path), { code: 'bad_request' });
  });
}

test('refuses to name a tile that cannot be', () => {
  for (const [level, n, width] of [
    [64, 0, 1],
    [-1, 0, 1],
    [0, -1, 1],
    [0, 0.5, 1],
    [0, 0, 0],
    [0, 0, 257],
  ] as const) {
    assert.throws(() => tilePath(level, n, width), { code: 'bad_request' });
  }
});

test('names tiles as the specification does', () => {
  assert.equal(tilePath(0, 1234067), 'tile/0/x001/x234/067');
  assert.equal(tilePath('entries', 0, 1), 'tile/entries/000.p/1');
  assert.equal(tilePath(63, 999, 255), 'tile/63/999.p/255');
  assert.equal(tilePath(1, 1000), 'tile/1/x001/000');
});

test('every path reads back as the tile that it names', () => {
  const level = fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const));
  const n = fc.oneof(fc.nat({ max: 5000 }), fc.maxSafeNat());
  fc.assert(
    fc.property(level, n, fc.integer({ min: 1, max: 256 }), (level, n, width) => {
      assert.deepEqual(parseTilePath(tilePath(level, n, width)), { level, n, width });
    }),
  );
});

test('cuts 70,000 entries into 273 full tiles and three partial ones of 112, 17 and 1', () => {
  const tiles = hashTilesFor(70_000);
  const full = tiles.filter((tile) => tile.width === 256);
  assert.equal(full.filter((tile) => tile.level === 0).length, 273);
  assert.equal(full.filter((tile) => tile.level === 1).length, 1);
  assert.equal(full.length, 274);
  assert.deepEqual(
    tiles.filter((tile) => tile.width !== 256),
    [
      { level: 0, n: 273, width: 112 },
      { level: 1, n: 1, width: 17 },
      { level: 2, n: 0, width: 1 },
    ],
  );
  assert.deepEqual(hashTilesFor(0), []);
});

test('I-16: what growth adds is exactly what the larger log has and the smaller has not', () => {
  const size = fc.nat({ max: 200_000 });
  const key = (tile: TileRef) => tilePath(tile.level, tile.n, tile.width);
  fc.assert(
    fc.property(size, fc.nat({ max: 3_000 }), (old, growth) => {
      const before = new Set(hashTilesFor(old).map(key));
      const added = hashTilesFor(old + growth)
        .map(key)
        .filter((path) => !before.has(path));
      assert.deepEqual(changedHashTiles(old, old + growth).map(key), added);
    }),
    { numRuns: 30 },
  );
  assert.deepEqual(changedEntryTiles(255, 257), [
    { level: 'entries', n: 0, width: 256 },
    { level: 'entries', n: 1, width: 1 },
  ]);
});

test('any node of a tree is read out of its tiles, at every size on the way', () => {
  const size = 600;
  const nodes = new Map<string, Uint8Array>();
  const put = ({ level, index }: NodeRef, hash: Uint8Array) => void nodes.set(`${level}/${index}`, hash);
  const tileBytes = (tile: TileRef) =>
    concatBytes(
      ...Array.from(
        { length: tile.width },
        (_, at) => nodes.get(`${8 * (tile.level as number)}/${tile.n * 256 + at}`)!,
      ),
    );
  let frontier: Frontier = emptyFrontier;
  for (let at = 0; at < size; at++) {
    frontier = appendLeaf(frontier, leafHash(toUtf8(String(at))), put);
    if (at % 37 === 0 || [255, 256, 511, 512].includes(at)) {
      assert.deepEqual(frontierFromTiles(at + 1, tileBytes), frontier);
    }
  }
  for (const [name, hash] of nodes) {
    const [level, index] = name.split('/').map(Number) as [number, number];
    const slot = tileSlot({ level, index });
    const width = tileWidthAt(size, slot);
    assert.ok(width >= slot.offset + slot.count);
    assert.deepEqual(readTileNode(slot, tileBytes({ level: slot.level, n: slot.n, width })), hash);
  }
  assert.equal(tileWidthAt(size, { level: 0, n: 3 }), 0);
  assert.deepEqual(frontierRoot(frontierFromTiles(0, tileBytes)), frontierRoot(emptyFrontier));
});

test('refuses a tile that is too short for the node, or no whole number of hashes', () => {
  const slot = tileSlot({ level: 1, index: 1 });
  assert.deepEqual(slot, { level: 0, n: 0, offset: 2, count: 2 });
  assert.throws(() => readTileNode(slot, new Uint8Array(3 * 32)), { code: 'log_inconsistent' });
  assert.throws(() => readTileNode(slot, new Uint8Array(4 * 32 + 1)), { code: 'log_inconsistent' });
});

test('entry bundles round-trip, and no truncation or addition passes', () => {
  const entry = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 20 }), (entries) => {
      const bundle = encodeEntryBundle(entries);
      assert.deepEqual(decodeEntryBundle(bundle, entries.length), entries);
      for (const bad of [
        bundle.subarray(0, -1),
        concatBytes(bundle, Uint8Array.of(0)),
        concatBytes(bundle, Uint8Array.of(0, 0)),
      ]) {
        assert.throws(() => decodeEntryBundle(bad, entries.length), { code: 'log_inconsistent' });
      }
      assert.throws(() => decodeEntryBundle(bundle, entries.length + 1), { code: 'log_inconsistent' });
    }),
  );
  const longest = new Uint8Array(65_535).fill(7);
  assert.deepEqual(decodeEntryBundle(encodeEntryBundle([longest]), 1), [longest]);
  assert.throws(() => encodeEntryBundle([new Uint8Array(65_536)]), { code: 'bad_request' });
  assert.throws(() => encodeEntryBundle([]), { code: 'bad_request' });
  assert.throws(() => encodeEntryBundle(Array.from({ length: 257 }, () => longest.subarray(0, 1))), {
    code: 'bad_request',
  });
});
