import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, toHex, toUtf8 } from '../bytes.ts';
import {
  appendLeaf,
  assembleProof,
  consistencyPlan,
  consistencyProof,
  emptyFrontier,
  emptyRoot,
  type Frontier,
  frontierNodes,
  frontierRoot,
  inclusionPlan,
  inclusionProof,
  leafHash,
  type NodeRef,
  nodeHash,
  restoreFrontier,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';

const maxSize = 131;
const leaves = Array.from({ length: maxSize }, (_, at) => leafHash(toUtf8(`entry ${at}`)));

/** MTH, PATH and PROOF as RFC 6962 section 2.1 writes them down, over slices: the naive judge. */
function naiveRoot(part: Uint8Array[]): Uint8Array {
  if (part.length === 0) return emptyRoot;
  if (part.length === 1) return part[0]!;
  const k = 2 ** Math.floor(Math.log2(part.length - 1));
  return nodeHash(naiveRoot(part.slice(0, k)), naiveRoot(part.slice(k)));
}
function naivePath(m: number, part: Uint8Array[]): Uint8Array[] {
  if (part.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(part.length - 1));
  return m < k
    ? [...naivePath(m, part.slice(0, k)), naiveRoot(part.slice(k))]
    : [...naivePath(m - k, part.slice(k)), naiveRoot(part.slice(0, k))];
}
function naiveSubproof(m: number, part: Uint8Array[], known: boolean): Uint8Array[] {
  if (m === part.length) return known ? [] : [naiveRoot(part)];
  const k = 2 ** Math.floor(Math.log2(part.length - 1));
  return m <= k
    ? [...naiveSubproof(m, part.slice(0, k), known), naiveRoot(part.slice(k))]
    : [...naiveSubproof(m - k, part.slice(k), false), naiveRoot(part.slice(0, k))];
}

const nodes = new Map<string, Uint8Array>();
const frontiers: Frontier[] = [emptyFrontier];
for (const leaf of leaves) {
  frontiers.push(
    appendLeaf(frontiers.at(-1)!, leaf, ({ level, index }, hash) => {
      assert.equal(nodes.has(`${level}/${index}`), false);
      nodes.set(`${level}/${index}`, hash);
    }),
  );
}
const read = ({ level, index }: NodeRef): Uint8Array => nodes.get(`${level}/${index}`)!;
const roots = frontiers.map(frontierRoot);

test('the empty tree has the hash of nothing as its root', () => {
  assert.equal(
    toHex(frontierRoot(emptyFrontier)),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
});

test('gives the roots of the eight-leaf tree of Certificate Transparency', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const expected = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  let frontier = emptyFrontier;
  for (const [at, input] of inputs.entries()) {
    frontier = appendLeaf(frontier, leafHash(fromHex(input)));
    assert.equal(toHex(frontierRoot(frontier)), expected[at]);
  }
});

test('agrees with the naive definition on every root up to 131 leaves', () => {
  for (let size = 0; size <= maxSize; size++) {
    assert.deepEqual(roots[size], naiveRoot(leaves.slice(0, size)));
    assert.deepEqual(restoreFrontier(size, frontierNodes(size).map(read)), frontiers[size]);
  }
});

test('agrees with the naive definition on every inclusion proof up to 131 leaves, and verifies it', () => {
  for (let size = 1; size <= maxSize; size++) {
    const part = leaves.slice(0, size);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(index, size, read);
      if (size < 40 || size > 125) assert.deepEqual(proof, naivePath(index, part));
      assert.equal(verifyInclusion(index, size, leaves[index]!, proof, roots[size]!), true);
    }
  }
});

test('agrees with the naive definition on every consistency proof up to 131 leaves, and verifies it', () => {
  for (let size = 0; size <= maxSize; size++) {
    const part = leaves.slice(0, size);
    for (let old = 0; old <= size; old++) {
      const proof = consistencyProof(old, size, read);
      if (old > 0 && (size < 40 || size > 125)) assert.deepEqual(proof, naiveSubproof(old, part, true));
      assert.equal(verifyConsistency(old, size, roots[old]!, roots[size]!, proof), true);
    }
  }
});

const flip = (hash: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(hash);
  copy[(bit >> 3) % copy.length]! ^= 1 << (bit & 7);
  return copy;
};

test('I-16: refuses an inclusion proof with a bit flipped, a hash dropped, added or swapped, or for another index or size', () => {
  for (let size = 1; size <= 40; size++) {
    for (let index = 0; index < size; index++) {
      const leaf = leaves[index]!;
      const root = roots[size]!;
      const proof = inclusionProof(index, size, read);
      const refused = (...args: Parameters<typeof verifyInclusion>) =>
        assert.equal(verifyInclusion(...args), false);
      refused(index, size, flip(leaf, index), proof, root);
      refused(index, size, leaf, proof, flip(root, size));
      refused(index, size, leaf, [...proof, root], root);
      refused(index, size, leaf, [root, ...proof], root);
      for (let at = 0; at < proof.length; at++) {
        refused(index, size, leaf, proof.with(at, flip(proof[at]!, 7 * size + at)), root);
        refused(index, size, leaf, proof.with(at, proof[at]!.subarray(1)), root);
        refused(index, size, leaf, proof.toSpliced(at, 1), root);
      }
      for (let other = 0; other < size; other++) {
        if (other !== index) refused(other, size, leaf, proof, root);
      }
      refused(size, size, leaf, proof, root);
      refused(-1, size, leaf, proof, root);
      refused(index + 0.5, size, leaf, proof, root);
    }
  }
});

test('I-16: refuses a consistency proof with a bit flipped, a hash dropped or added, or for a rewritten tree', () => {
  for (let size = 1; size <= 40; size++) {
    for (let old = 0; old <= size; old++) {
      const proof = consistencyProof(old, size, read);
      const refused = (...args: Parameters<typeof verifyConsistency>) =>
        assert.equal(verifyConsistency(...args), false, `${old} ${size}`);
      refused(old, size, flip(roots[old]!, size), roots[size]!, proof);
      if (old > 0) refused(old, size, roots[old]!, flip(roots[size]!, old), proof);
      refused(old, size, roots[old]!, roots[size]!, [...proof, roots[size]!]);
      refused(size + 1, size, roots[old]!, roots[size]!, proof);
      for (let at = 0; at < proof.length; at++) {
        refused(old, size, roots[old]!, roots[size]!, proof.with(at, flip(proof[at]!, 3 * size + at)));
        refused(old, size, roots[old]!, roots[size]!, proof.toSpliced(at, 1));
      }
    }
  }
  assert.equal(verifyConsistency(0, 0, emptyRoot, roots[1]!, []), false);
  assert.equal(verifyConsistency(0, 0, roots[1]!, roots[1]!, []), false);
});

test('refuses hashes that are not 32 bytes and sizes that are no size, without throwing', () => {
  const long = new Uint8Array(33);
  const proof = inclusionProof(2, 3, read);
  assert.equal(verifyInclusion(2, 3, leaves[2]!, [long], roots[3]!), false);
  assert.equal(verifyInclusion(2, 3, long, proof, roots[3]!), false);
  assert.equal(verifyInclusion(2, 3, leaves[2]!, proof, long), false);
  // padded with zeros, a shorter sibling would give the same node hash as the full one
  const zeroEnded = Uint8Array.from({ length: 32 }, (_, at) => (at === 31 ? 0 : at));
  const root = nodeHash(zeroEnded, leaves[0]!);
  assert.equal(verifyInclusion(1, 2, leaves[0]!, [zeroEnded], root), true);
  assert.equal(verifyInclusion(1, 2, leaves[0]!, [zeroEnded.subarray(0, 31)], root), false);
  const consistency = consistencyProof(2, 3, read);
  assert.equal(verifyConsistency(2, 3, roots[2]!, roots[3]!, [long]), false);
  assert.equal(verifyConsistency(2, 3, long, roots[3]!, consistency), false);
  for (const old of [-1, 1.5, 4, Number.NaN]) {
    assert.equal(verifyConsistency(old, 3, roots[2]!, roots[3]!, consistency), false);
  }
  assert.throws(() => assembleProof(inclusionPlan(2, 3), []), { code: 'internal' });
});

test('refuses to plan a proof outside the tree', () => {
  for (const [index, size] of [
    [0, 0],
    [5, 5],
    [-1, 5],
    [0.5, 5],
    [0, -1],
    [0, 2 ** 53],
  ] as const) {
    assert.throws(() => inclusionPlan(index, size), { code: 'bad_request' });
  }
  assert.throws(() => consistencyPlan(6, 5), { code: 'bad_request' });
  assert.throws(() => consistencyPlan(-1, 5), { code: 'bad_request' });
  assert.throws(() => restoreFrontier(3, [leaves[0]!]), { code: 'log_inconsistent' });
  assert.throws(() => restoreFrontier(1, [leaves[0]!.subarray(1)]), { code: 'log_inconsistent' });
});

test('plans an inclusion proof of at most 104 nodes, and a consistency proof of one more, up to the largest size', () => {
  const size = fc
    .maxSafeInteger()
    .map((value) => Math.abs(value) + 1)
    .filter(Number.isSafeInteger);
  fc.assert(
    fc.property(size, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (size, part) => {
      const index = Math.min(size - 1, Math.floor(size * part));
      // 52 levels below a left half, and 52 subtrees in the right one; a consistency proof may add the old tree's last leaf.
      for (const [plan, most] of [
        [inclusionPlan(index, size), 104],
        [consistencyPlan(index, size), 105],
      ] as const) {
        assert.ok(plan.nodes.length <= most);
        assert.equal(
          plan.groups.reduce((sum, count) => sum + count, 0),
          plan.nodes.length,
        );
        for (const { level, index } of plan.nodes) assert.ok((index + 1) * 2 ** level <= size);
        assert.equal(
          assembleProof(
            plan,
            plan.nodes.map(() => emptyRoot),
          ).length,
          plan.groups.length,
        );
      }
    }),
    {
      examples: [
        [Number.MAX_SAFE_INTEGER, 0],
        [Number.MAX_SAFE_INTEGER, 2 ** -53],
        [Number.MAX_SAFE_INTEGER, 23 * 2 ** -53],
      ],
    },
  );
});
