/** A quick look at the log: head, frontier, tiles, and the first and last entry agree. That all of it is right is `audit verify`'s to say. */
import { proveInclusion } from '@imprint/authority/audit/tiles';
import { unpackEntry } from '@imprint/authority/storage/packed-entry';
import { frontierRoot, leafHash, restoreFrontier, verifyInclusion } from '@imprint/contract/audit/merkle';
import { equalBytes } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { fail, ok } from '../check.ts';
import { ofDatabase } from './facts.ts';

const hashBytes = 32;
const advice =
  'Stop issuing, keep the database as it is, and run imprint audit verify: it names every row that is wrong.';

export const log = ofDatabase('log', async ({ storage }) => {
  const { reader } = storage;
  const head = await reader.selectFrom('log_head').selectAll().executeTakeFirstOrThrow();
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < head.frontier.length; at += hashBytes)
    hashes.push(head.frontier.slice(at, at + hashBytes));
  try {
    if (!equalBytes(frontierRoot(restoreFrontier(head.size, hashes)), head.root)) {
      return fail('the head of the log does not come to its root', advice);
    }
    for (const index of new Set([0, head.size - 1])) {
      const row = await reader
        .selectFrom('log_entry')
        .select('packed')
        .where('log_index', '=', index)
        .executeTakeFirst();
      if (row === undefined) return fail(`entry ${index} of the log is missing`, advice);
      const proof = await proveInclusion(reader, index, head.size);
      if (!verifyInclusion(index, head.size, leafHash(unpackEntry(row.packed)), proof, head.root)) {
        return fail(`entry ${index} is not the one that the log's tiles hold`, advice);
      }
    }
  } catch (error) {
    if (!isImprintError(error, 'log_inconsistent')) throw error;
    return fail(error.message, advice);
  }
  const after = await reader
    .selectFrom('log_entry')
    .select('log_index')
    .where('log_index', '>=', head.size)
    .executeTakeFirst();
  if (after !== undefined) return fail(`entry ${after.log_index} lies beyond the log's ${head.size}`, advice);
  return ok(`${head.size} entries, head and tiles agree`);
});
