import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromBase64, fromHex, toHex, toUtf8 } from '../bytes.ts';
import { parseCheckpoint, parseVerifierKey, signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { cosign, formatWitnessKey, parseWitnessKey, verifyCosignature } from './cosignature.ts';
import { decodeEntry, encodeEntry } from './entry.ts';
import { leafHash, verifyConsistency, verifyInclusion } from './merkle.ts';
import { verifyReceipt } from './receipt.ts';
import { hashTilesFor, parseTilePath, tilePath } from './tile.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const vectors = JSON.parse(read('./vectors.json'));
const spec = read('../../../../docs/specs/audit-log.md');
const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const entries = vectors.tree.entries_hex.map((hex: string) => fromHex(hex)) as Uint8Array[];
const roots = vectors.tree.roots.map((hex: string) => fromHex(hex)) as Uint8Array[];
const proofOf = (texts: string[]) => texts.map((text) => fromHex(text));

/** RFC 9162 section 2.1.1 over node:crypto alone, so that the vectors do not rest on the code that they test. */
function foreignRoot(part: Uint8Array[]): Uint8Array {
  if (part.length === 0) return sha256();
  if (part.length === 1) return sha256(Uint8Array.of(0), part[0]!);
  let split = 1;
  while (split * 2 < part.length) split *= 2;
  return sha256(Uint8Array.of(1), foreignRoot(part.slice(0, split)), foreignRoot(part.slice(split)));
}

test('the tree vectors are what node:crypto computes, and every proof in them verifies', () => {
  for (const [size, root] of roots.entries()) assert.deepEqual(foreignRoot(entries.slice(0, size)), root);
  for (const { index, size, proof } of vectors.tree.inclusion) {
    assert.equal(verifyInclusion(index, size, leafHash(entries[index]!), proofOf(proof), roots[size]!), true);
  }
  for (const { old_size, size, proof } of vectors.tree.consistency) {
    assert.equal(verifyConsistency(old_size, size, roots[old_size]!, roots[size]!, proofOf(proof)), true);
  }
});

test('the tile vectors are what is written and read', () => {
  for (const { level, n, width, path } of vectors.tiles.paths) {
    assert.equal(tilePath(level, n, width), path);
    assert.deepEqual(parseTilePath(path), { level, n, width });
  }
  const tiles = hashTilesFor(70_000);
  const partial = tiles.filter((tile) => tile.width < 256);
  assert.deepEqual(
    partial.map((tile) => tilePath(tile.level, tile.n, tile.width)),
    vectors.tiles.size_70000_partial,
  );
  assert.equal(tiles.length - partial.length, vectors.tiles.size_70000_full);
});

test('the cosignature vector was made by node:crypto alone, verifies, and is written again to the letter', async () => {
  const { text, time, witness_key, private_key_seed_hex } = vectors.cosignature;
  const key = parseWitnessKey(witness_key);
  const checkpoint = parseCheckpoint(text);
  assert.equal(verifyCosignature(checkpoint, key), time);
  assert.equal(formatWitnessKey(key), witness_key);
  const privateKey = createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${private_key_seed_hex}`, 'hex'),
    format: 'der',
    type: 'pkcs8',
  });
  const line = await cosign(checkpoint.body, time, key, (message) => sign(null, message, privateKey));
  assert.equal(vectors.checkpoint.text + line, text);
});

test('the checkpoint vector verifies, under node:crypto too, and is written again to the letter', async () => {
  const { text, verifier_key } = vectors.checkpoint;
  const key = parseVerifierKey(verifier_key);
  const checkpoint = verifyCheckpoint(text, key);
  assert.deepEqual([checkpoint.size, toHex(checkpoint.root)], [8, vectors.tree.roots[8]]);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.publicKey]);
  const signature = checkpoint.signatures[0]!.signature;
  const foreignKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  assert.equal(verify(null, toUtf8(checkpoint.body), foreignKey, signature), true);
  assert.equal(await signCheckpoint(checkpoint, key, () => signature), text);
});

test('the entry vector is canonical and has its leaf hash', () => {
  const bytes = toUtf8(vectors.entry.text);
  assert.deepEqual(encodeEntry(decodeEntry(bytes)), bytes);
  assert.equal(toHex(sha256(Uint8Array.of(0), bytes)), vectors.entry.leaf_hash);
});

test('the receipt vector verifies', () => {
  const { receipt, log_key, root_b64 } = vectors.receipt;
  const trust = {
    logKey: parseVerifierKey(log_key),
    rootDer: fromBase64(root_b64),
    expectedRealm: 'dev' as const,
  };
  assert.equal(verifyReceipt(receipt, trust).deviceId, 'SN-00012345');
});

test('the specification shows the vectors as they are', () => {
  for (const shown of [
    vectors.checkpoint.text,
    vectors.checkpoint.verifier_key,
    vectors.entry.text,
    vectors.entry.leaf_hash,
    vectors.tree.roots[8],
    ...vectors.tiles.size_70000_partial,
  ]) {
    assert.ok(spec.includes(shown), `docs/specs/audit-log.md does not show ${shown}`);
  }
});
