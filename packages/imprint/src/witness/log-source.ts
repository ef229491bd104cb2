/**
 * A log over HTTP (C2SP tlog-tiles): its checkpoint, its hash tiles, and a proof put together from them. No byte of it is trusted:
 * answers are capped, and a proof counts only where it leads to the root that the log signed.
 */
import type { TreeHead } from '@imprint/contract/audit/checkpoint';
import {
  assembleProof,
  consistencyPlan,
  frontierNodes,
  frontierRoot,
  type NodeRef,
  restoreFrontier,
  verifyConsistency,
} from '@imprint/contract/audit/merkle';
import { readTileNode, tilePath, tileSlot, tileWidth, tileWidthAt } from '@imprint/contract/audit/tile';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';

/** Reads what stands at a path below the log's prefix, at most so many bytes of it. */
export type ReadLog = (path: string, maxBytes: number) => Promise<Uint8Array>;

/** The log's newest checkpoint, unverified. @throws unavailable, checkpoint_invalid */
export async function readCheckpoint(read: ReadLog): Promise<string> {
  const bytes = await read('checkpoint', limits.noteBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ImprintError('checkpoint_invalid', 'The checkpoint is not UTF-8 text.', { cause });
  }
}

/**
 * The root that the log of `head` had at `oldSize`, and the proof of it. What is returned follows from the root that the log signed,
 * whatever its tiles say.
 * @throws unavailable; log_inconsistent where the tiles do not lead to the signed root
 */
export async function earlierRoot(
  read: ReadLog,
  oldSize: number,
  head: TreeHead,
): Promise<{ root: Uint8Array; proof: Uint8Array[] }> {
  const nodeHash = nodeReader(read, head.size);
  const hashesOf = async (nodes: readonly NodeRef[]) => {
    const hashes: Uint8Array[] = [];
    for (const node of nodes) hashes.push(await nodeHash(node));
    return hashes;
  };
  const root = frontierRoot(restoreFrontier(oldSize, await hashesOf(frontierNodes(oldSize))));
  const plan = consistencyPlan(oldSize, head.size);
  const proof = assembleProof(plan, await hashesOf(plan.nodes));
  if (verifyConsistency(oldSize, head.size, root, head.root, proof)) return { root, proof };
  throw new ImprintError('log_inconsistent', "the log's tiles do not lead to the root that it signed", {
    hint: 'Run imprint audit verify at the authority: its tree is damaged, or the answers were changed on the way.',
    context: { oldSize, size: head.size },
  });
}

/** Each tile is fetched once, as wide as it is in the log of `size` entries. */
function nodeReader(read: ReadLog, size: number): (node: NodeRef) => Promise<Uint8Array> {
  const tiles = new Map<string, Promise<Uint8Array>>();
  return async (node) => {
    const slot = tileSlot(node);
    const path = tilePath(slot.level, slot.n, tileWidthAt(size, slot));
    let tile = tiles.get(path);
    if (tile === undefined) {
      tile = read(path, tileWidth * 32);
      tiles.set(path, tile);
    }
    return readTileNode(slot, await tile);
  };
}

/** Reads over HTTP; a redirection is not followed. @throws usage for a URL that is none */
export function httpLog(url: string): ReadLog {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new ImprintError('usage', `--url takes the address of the log, not ${url}`, {
      hint: "Give the authority's public listener, such as http://authority.example:7480.",
    });
  }
  const prefix = url.replace(/\/+$/, '');
  return async (path, maxBytes) => {
    try {
      const response = await fetch(`${prefix}/${path}`, {
        redirect: 'manual',
        signal: AbortSignal.timeout(limits.requestTimeoutMs),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`it answers ${response.status}`);
      }
      return await readCapped(response, maxBytes);
    } catch (cause) {
      const { message, cause: deeper } = cause as Error;
      const why = deeper instanceof Error ? deeper.message : message;
      throw new ImprintError('unavailable', `${prefix}/${path} cannot be had: ${why}`, {
        hint: 'Check that the authority serves there, and the network between.',
        cause,
      });
    }
  };
}

async function readCapped(response: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
