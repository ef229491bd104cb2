/** The tree head of a stored log, computed from its entries alone: neither the head's row, nor a leaf hash, nor a tile is believed. */
import { appendLeaf, emptyFrontier, frontierRoot, leafHash } from '@imprint/contract/audit/merkle';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { LogHead } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';
import { logEntries } from './log-entries.ts';

const progressEvery = 10_000;

/**
 * Size and root (RFC 9162, 2.1.1) over every entry's bytes.
 * @param onProgress called now and then with the number of entries read
 * @throws log_inconsistent where an entry is missing
 */
export async function rootOfEntries(
  reader: Kysely<Tables>,
  onProgress: (entries: number) => void = () => undefined,
): Promise<LogHead> {
  let frontier = emptyFrontier;
  for await (const { log_index, bytes } of logEntries(reader)) {
    if (log_index !== frontier.size) {
      throw new ImprintError('log_inconsistent', `entry ${frontier.size} of the log is missing`, {
        hint: 'Run imprint audit verify: it names every row that is wrong.',
      });
    }
    frontier = appendLeaf(frontier, leafHash(bytes), () => undefined);
    if (frontier.size % progressEvery === 0) onProgress(frontier.size);
  }
  return { size: frontier.size, root: frontierRoot(frontier) };
}
