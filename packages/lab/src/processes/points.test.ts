import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Counts, faultsOf } from './fault-control.ts';
import { onePointEach, parsePoint, parseShare, pointName, pointsOf, stridedPoints } from './points.ts';
import { seeded } from './seeded.ts';

const none: Counts = { write: 0, sync: 0, rename: 0, create: 0, unlink: 0, truncate: 0, send: 0 };
const parts = [
  { part: 'station/work', counts: { ...none, write: 90, sync: 3 } },
  { part: 'init', counts: { ...none, write: 200, rename: 1 } },
];

test('a point has a name with which it is tried again', () => {
  for (const point of stridedPoints(parts, 50, seeded(1))) {
    assert.deepEqual(parsePoint(pointName(point)), point);
    const ofCommand = { ...point, part: 'ca-rotate' };
    assert.deepEqual(parsePoint(pointName(ofCommand)), ofCommand);
  }
  for (const name of [
    'station/work/sync:0/eio',
    'station/work/read:1/eio',
    'init/sync:1/fire',
    'sync:1/eio',
  ]) {
    assert.throws(() => parsePoint(name), { code: 'usage' }, name);
  }
});

test('a stride leaves no class and no fault of a part out, and a stride of 1 leaves no operation out', () => {
  const drawn = stridedPoints(parts, 1_000, seeded(1)).map(
    (point) => `${point.part} ${point.class} ${point.fault}`,
  );
  const wanted = parts.flatMap(({ part, counts }) =>
    Object.entries(faultsOf)
      .filter(([name]) => counts[name as keyof Counts] > 0)
      .flatMap(([name, faults]) => faults.map((fault) => `${part} ${name} ${fault}`)),
  );
  assert.deepEqual(drawn, wanted);
  assert.equal(stridedPoints(parts, 1, seeded(1)).length, (90 + 200) * 6 + 3 * 6 + 5);
});

test('one point each is one of every class and fault, within what was counted', () => {
  const points = onePointEach(parts, seeded(7));
  assert.deepEqual(
    points.map((point) => `${point.class} ${point.fault}`),
    (['write', 'sync', 'rename'] as const).flatMap((name) =>
      faultsOf[name].map((fault) => `${name} ${fault}`),
    ),
  );
  for (const { part, class: name, number } of points) {
    assert.ok(number >= 1 && number <= parts.find((one) => one.part === part)!.counts[name]);
  }
});

test('shares are one whole together, without doubles, also where one run counted more than another', () => {
  const points = stridedPoints(parts, 1, seeded(1));
  const oneMore = parts.map(({ part, counts }) => ({ part, counts: { ...counts, write: counts.write + 1 } }));
  const more = stridedPoints(oneMore, 1, seeded(1));
  const shares = [1, 2, 3].map((k) => pointsOf({ k, n: 3 }, k === 2 ? more : points).map(pointName));
  for (const share of shares)
    assert.ok(share.length > points.length / 4, `${share.length} of ${points.length}`);
  const all = shares.flat();
  assert.equal(new Set(all).size, all.length);
  for (const point of points) assert.ok(all.includes(pointName(point)), pointName(point));
  assert.deepEqual(pointsOf({ k: 1, n: 1 }, points), points);
});

test('a share is written as one of so many', () => {
  assert.deepEqual(parseShare('2/3'), { k: 2, n: 3 });
  for (const text of ['0/3', '4/3', '1', '1/0', 'a/b', '1/2/3']) {
    assert.throws(() => parseShare(text), { code: 'usage' }, text);
  }
});
