/**
 * The Merkle tree of RFC 6962 and RFC 9162 over SHA-256: hashes, proofs and their strict verification. It trusts no
 * proof: a missing, extra or misplaced hash fails. Sizes are safe integers, hashes are 32 bytes.
 */

import { concatBytes, equalBytes } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { sha256 } from '../hash.ts';

/** A complete subtree: `level` 0 is a leaf hash, and node `index` covers leaves from `index * 2^level` on, `2^level` of them. */
export interface NodeRef {
  level: number;
  index: number;
}

/** The hashes of the complete subtrees that a tree of `size` leaves consists of, largest (leftmost) first. Never changed in place. */
export interface Frontier {
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
}

/** What a proof is made of: the nodes to read, and how many of them in order make up each hash of the proof. */
export interface ProofPlan {
  nodes: NodeRef[];
  groups: number[];
}

export const hashBytes = 32;
/** The root of the tree without leaves: SHA-256 of nothing (RFC 9162 section 2.1.1). */
export const emptyRoot: Uint8Array = sha256(new Uint8Array(0));
export const emptyFrontier: Frontier = { size: 0, hashes: [] };

const leafPrefix = Uint8Array.of(0);

/** The hash of a leaf that holds `entry`: SHA-256(0x00 || entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(leafPrefix, entry));
}

/** The hash of an inner node: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * hashBytes);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + hashBytes);
  return sha256(input);
}

/**
 * The frontier after one more leaf; the given one stays as it was. `onNode` hears of every subtree that this leaf
 * completes, from the leaf upward, so that a store can keep the levels that it wants.
 */
export function appendLeaf(
  frontier: Frontier,
  leaf: Uint8Array,
  onNode?: (node: NodeRef, hash: Uint8Array) => void,
): Frontier {
  checkSize(frontier.size + 1);
  const hashes = [...frontier.hashes];
  let level = 0;
  let index = frontier.size;
  let hash = leaf;
  onNode?.({ level, index }, hash);
  while (index % 2 === 1) {
    hash = nodeHash(hashes.pop()!, hash);
    level++;
    index = (index - 1) / 2;
    onNode?.({ level, index }, hash);
  }
  hashes.push(hash);
  return { size: frontier.size + 1, hashes };
}

/** The root hash of the tree whose frontier this is. */
export function frontierRoot(frontier: Frontier): Uint8Array {
  return frontier.size === 0 ? emptyRoot : foldRight(frontier.hashes);
}

/** The nodes whose hashes are the frontier of a tree of `size` leaves, in its order. */
export function frontierNodes(size: number): NodeRef[] {
  checkSize(size);
  return coveringNodes(0, size);
}

/** A frontier read back from storage; a wrong number or length of hashes is refused with `log_inconsistent`. */
export function restoreFrontier(size: number, hashes: readonly Uint8Array[]): Frontier {
  const wanted = frontierNodes(size).length;
  if (hashes.length !== wanted || hashes.some((hash) => hash.length !== hashBytes)) {
    throw new ImprintError(
      'log_inconsistent',
      `A frontier of size ${size} has ${wanted} hashes of 32 bytes.`,
      {
        hint: 'Do not write to this log. Rebuild its head from the stored entries with `imprint audit verify`.',
        context: { size, hashes: hashes.length },
      },
    );
  }
  return { size, hashes: [...hashes] };
}

/** The nodes that prove leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3.1); `bad_request` outside the tree. */
export function inclusionPlan(index: number, size: number): ProofPlan {
  checkSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new ImprintError('bad_request', `There is no entry ${index} in a log of ${size} entries.`, {
      hint: 'Ask for an index below the size of the checkpoint.',
      context: { index, size },
    });
  }
  const plan: ProofPlan = { nodes: [], groups: [] };
  planPath(plan, index, 0, size);
  return plan;
}

/** The nodes that prove that the tree of `oldSize` leaves is a prefix of that of `size` (RFC 9162 section 2.1.4.1). */
export function consistencyPlan(oldSize: number, size: number): ProofPlan {
  checkSize(size);
  checkSize(oldSize);
  if (oldSize > size) {
    throw new ImprintError('bad_request', `A log of ${size} entries has no earlier size ${oldSize}.`, {
      hint: 'Ask for the proof from the smaller size to the larger.',
      context: { oldSize, size },
    });
  }
  const plan: ProofPlan = { nodes: [], groups: [] };
  if (oldSize > 0 && oldSize < size) planSubproof(plan, oldSize, 0, size, true);
  return plan;
}

/** The proof, from the hashes of `plan.nodes` in that order. */
export function assembleProof(plan: ProofPlan, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length !== plan.nodes.length) {
    throw new ImprintError(
      'internal',
      `A proof plan of ${plan.nodes.length} nodes got ${hashes.length} hashes.`,
    );
  }
  let at = 0;
  return plan.groups.map((count) => {
    at += count;
    return foldRight(hashes.slice(at - count, at));
  });
}

/** Inclusion proof over a synchronous reader of complete subtrees; the plan functions serve asynchronous storage. */
export function inclusionProof(
  index: number,
  size: number,
  readSubtree: (node: NodeRef) => Uint8Array,
): Uint8Array[] {
  const plan = inclusionPlan(index, size);
  return assembleProof(plan, plan.nodes.map(readSubtree));
}

/** Consistency proof over a synchronous reader of complete subtrees. */
export function consistencyProof(
  oldSize: number,
  size: number,
  readSubtree: (node: NodeRef) => Uint8Array,
): Uint8Array[] {
  const plan = consistencyPlan(oldSize, size);
  return assembleProof(plan, plan.nodes.map(readSubtree));
}

/** True where `proof` shows, with neither a hash too few nor too many, that `leaf` is at `index` in the tree of `size` and `root`. */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  if (!allHashes([leaf, root, ...proof])) return false;
  const computed = rootFromPath(index, size, leaf, proof, proof.length);
  return computed !== undefined && equalBytes(computed, root);
}

/**
 * True where `proof` shows, with neither a hash too few nor too many, that the tree of `oldSize` and `oldRoot` is a
 * prefix of that of `size` and `root`. From the empty tree, and between equal sizes, the proof is empty.
 */
export function verifyConsistency(
  oldSize: number,
  size: number,
  oldRoot: Uint8Array,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > size)
    return false;
  if (!allHashes([oldRoot, root, ...proof])) return false;
  if (size === 0 && !equalBytes(root, emptyRoot)) return false;
  if (oldSize === size) return proof.length === 0 && equalBytes(oldRoot, root);
  if (oldSize === 0) return proof.length === 0 && equalBytes(oldRoot, emptyRoot);
  const computed = rootsFromSubproof(oldSize, size, true, oldRoot, proof, proof.length);
  return computed !== undefined && equalBytes(computed.old, oldRoot) && equalBytes(computed.whole, root);
}

/** PATH(m, D[n]) of RFC 9162, deepest hash first. */
function planPath(plan: ProofPlan, index: number, begin: number, size: number): void {
  if (size === 1) return;
  const split = largestPowerBelow(size);
  if (index < split) {
    planPath(plan, index, begin, split);
    addGroup(plan, begin + split, size - split);
  } else {
    planPath(plan, index - split, begin + split, size - split);
    addGroup(plan, begin, split);
  }
}

/** SUBPROOF(m, D[n], b) of RFC 9162; `known` says that the verifier has this subtree's hash as the old root. */
function planSubproof(plan: ProofPlan, oldSize: number, begin: number, size: number, known: boolean): void {
  if (oldSize === size) {
    if (!known) addGroup(plan, begin, size);
    return;
  }
  const split = largestPowerBelow(size);
  if (oldSize <= split) {
    planSubproof(plan, oldSize, begin, split, known);
    addGroup(plan, begin + split, size - split);
  } else {
    planSubproof(plan, oldSize - split, begin + split, size - split, false);
    addGroup(plan, begin, split);
  }
}

function addGroup(plan: ProofPlan, begin: number, count: number): void {
  const nodes = coveringNodes(begin, count);
  plan.nodes.push(...nodes);
  plan.groups.push(nodes.length);
}

/** The complete subtrees of `count` leaves from `begin`, which is aligned as every right part of a tree is: largest first. */
function coveringNodes(begin: number, count: number): NodeRef[] {
  const nodes: NodeRef[] = [];
  let at = begin;
  for (let level = 52; level >= 0; level--) {
    const width = 2 ** level;
    if (at + width > begin + count) continue;
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

function rootFromPath(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  length: number,
): Uint8Array | undefined {
  if (size === 1) return length === 0 ? leaf : undefined;
  if (length === 0) return undefined;
  const sibling = proof[length - 1]!;
  const split = largestPowerBelow(size);
  const inLeft = index < split;
  const part = inLeft
    ? rootFromPath(index, split, leaf, proof, length - 1)
    : rootFromPath(index - split, size - split, leaf, proof, length - 1);
  if (part === undefined) return undefined;
  return inLeft ? nodeHash(part, sibling) : nodeHash(sibling, part);
}

function rootsFromSubproof(
  oldSize: number,
  size: number,
  known: boolean,
  oldRoot: Uint8Array,
  proof: readonly Uint8Array[],
  length: number,
): { old: Uint8Array; whole: Uint8Array } | undefined {
  if (oldSize === size) {
    if (known) return length === 0 ? { old: oldRoot, whole: oldRoot } : undefined;
    return length === 1 ? { old: proof[0]!, whole: proof[0]! } : undefined;
  }
  if (length === 0) return undefined;
  const sibling = proof[length - 1]!;
  const split = largestPowerBelow(size);
  if (oldSize <= split) {
    const part = rootsFromSubproof(oldSize, split, known, oldRoot, proof, length - 1);
    return part && { old: part.old, whole: nodeHash(part.whole, sibling) };
  }
  const part = rootsFromSubproof(oldSize - split, size - split, false, oldRoot, proof, length - 1);
  return part && { old: nodeHash(sibling, part.old), whole: nodeHash(sibling, part.whole) };
}

/** The root over neighbouring complete subtrees, largest first: the smaller ones on the right join first. */
function foldRight(hashes: readonly Uint8Array[]): Uint8Array {
  let hash = hashes[hashes.length - 1]!;
  for (let at = hashes.length - 2; at >= 0; at--) hash = nodeHash(hashes[at]!, hash);
  return hash;
}

/** Arithmetic, not bit operators: those end at 2^31. */
function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

function allHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === hashBytes);
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new ImprintError('bad_request', `A log's size is a whole number from 0 to 2^53 - 1, not ${size}.`, {
      context: { size },
    });
  }
}
