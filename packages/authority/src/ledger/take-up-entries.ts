/**
 * Appends entries that this log has had before, byte for byte, up to a head that was signed: the one writing beside the
 * ledger, for a log that was restored and is not written to by anybody else. It trusts no entry: what does not come to
 * the signed root is not written at all.
 */
import { decodeEntry } from '@imprint/contract/audit/entry';
import { leafHash } from '@imprint/contract/audit/merkle';
import { equalBytes, toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Transaction } from 'kysely';
import { packEntry } from '../storage/packed-entry.ts';
import type { Storage } from '../storage/storage.ts';
import type { Tables } from '../storage/tables.ts';
import type { LogHead } from './ledger.ts';
import { project } from './projection.ts';
import { TreeTail } from './tree-tail.ts';

export interface RecordedEntry {
  index: number;
  /** As the log hashes it. */
  bytes: Uint8Array;
}

const entriesAtOnce = 1_000;

/**
 * Takes from `entries` those that are missing up to `upTo`, in one transaction, and passes over those that the log has.
 * @param upTo the size and root of a checkpoint of this log, whose signature the caller has verified
 * @returns how many were appended
 * @throws log_inconsistent where one is missing among them, or they lead to another root; entry_invalid
 */
export function takeUpEntries(
  storage: Storage,
  entries: AsyncIterable<RecordedEntry>,
  upTo: LogHead,
  onProgress: (appended: number) => void = () => undefined,
): Promise<number> {
  return storage.writer.transaction().execute(async (tx) => {
    let head = await readHead(tx);
    const begun = head.size;
    let tail = await TreeTail.at(tx, head, undefined);
    let lastAt = head.last_at;
    const write = async () => {
      await tail.write(tx, head, lastAt);
      head = await readHead(tx);
      onProgress(head.size - begun);
    };
    for await (const { index, bytes } of entries) {
      if (index < tail.size || tail.size >= upTo.size) continue;
      if (index > tail.size) throw notWhole(`entry ${tail.size} is not among those that were brought`);
      const entry = decodeEntry(bytes);
      await project(tx, entry, index);
      tail.append({ packed: packEntry(entry.type, bytes), leaf_hash: leafHash(bytes) });
      lastAt = entry.at;
      if (tail.size - head.size >= entriesAtOnce) {
        await write();
        tail = await TreeTail.at(tx, head, tail);
      }
    }
    await write();
    if (head.size < upTo.size) throw notWhole(`those that were brought end at entry ${head.size - 1}`);
    if (!equalBytes(head.root, upTo.root)) {
      throw notWhole(`they lead to the root ${toHex(head.root)}, and ${toHex(upTo.root)} was signed`);
    }
    return head.size - begun;
  });
}

function readHead(tx: Transaction<Tables>) {
  return tx.selectFrom('log_head').selectAll().executeTakeFirstOrThrow();
}

function notWhole(what: string): ImprintError {
  return new ImprintError(
    'log_inconsistent',
    `the entries do not continue the log up to the checkpoint: ${what}`,
    {
      hint: 'Nothing was taken. Bring all entries after the backup, as imprint audit export or imprint backup entries wrote them.',
    },
  );
}
