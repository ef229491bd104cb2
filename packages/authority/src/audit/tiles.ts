/**
 * The log's hash tiles as the database holds them, and proofs read out of them. Only whole, committed tiles and exact
 * prefixes of the growing ones are given; entry bundles are never given here, since they hold what a factory makes.
 */
import {
  assembleProof,
  consistencyPlan,
  inclusionPlan,
  type NodeRef,
  type ProofPlan,
} from '@imprint/contract/audit/merkle';
import { parseTilePath, tileSlot } from '@imprint/contract/audit/tile';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { Tables } from '../storage/tables.ts';
import { tileNode } from './tile-nodes.ts';

const hashLength = 32;

/**
 * The bytes of the hash tile that a path such as `tile/0/x001/067.p/12` names, or undefined where the log has not
 * grown so far.
 * @throws bad_request for what is no tile path, not_authorized for an entry bundle
 */
export async function hashTile(reader: Kysely<Tables>, path: string): Promise<Uint8Array | undefined> {
  const { level, n, width } = parseTilePath(path);
  if (level === 'entries') {
    throw new ImprintError('not_authorized', 'entry bundles are for auditors only', {
      hint: 'A receipt discloses its own entry; ask the authority for one.',
    });
  }
  const hashes = await readTile(reader, level, n);
  if (hashes === undefined || hashes.length < width * hashLength) return undefined;
  return hashes.subarray(0, width * hashLength);
}

/** Proof that entry `index` is in the log of the first `size` entries (RFC 9162 section 2.1.3.1), from the leaf upward. */
export function proveInclusion(reader: Kysely<Tables>, index: number, size: number): Promise<Uint8Array[]> {
  return readProof(reader, inclusionPlan(index, size));
}

/** Proof that the log of `oldSize` entries is a prefix of that of `size` (RFC 9162 section 2.1.4.1). */
export function proveConsistency(
  reader: Kysely<Tables>,
  oldSize: number,
  size: number,
): Promise<Uint8Array[]> {
  return readProof(reader, consistencyPlan(oldSize, size));
}

async function readProof(reader: Kysely<Tables>, plan: ProofPlan): Promise<Uint8Array[]> {
  const tiles = new Map<string, Uint8Array>();
  const hashes: Uint8Array[] = [];
  for (const node of plan.nodes) hashes.push(await readNode(reader, tiles, node));
  return assembleProof(plan, hashes);
}

async function readNode(
  reader: Kysely<Tables>,
  tiles: Map<string, Uint8Array>,
  node: NodeRef,
): Promise<Uint8Array> {
  const slot = tileSlot(node);
  const key = `${slot.level}/${slot.n}`;
  let tile = tiles.get(key);
  if (tile === undefined) {
    tile = (await readTile(reader, slot.level, slot.n)) ?? new Uint8Array(0);
    tiles.set(key, tile);
  }
  return tileNode(slot, tile);
}

async function readTile(
  reader: Kysely<Tables>,
  level: number,
  tileIndex: number,
): Promise<Uint8Array | undefined> {
  const { rows } = await selectTile(reader, { level, tile_index: tileIndex });
  return rows[0]?.hashes;
}

const selectTile = statement<{ level: number; tile_index: number }, { hashes: Uint8Array }>((db, arg) =>
  db
    .selectFrom('log_tile')
    .select('hashes')
    .where('level', '=', arg('level'))
    .where('tile_index', '=', arg('tile_index')),
);
