/** Whether a home's log may be written on (I-16): not one that was restored and not released, nor one that is older than its keys remember. */
import { proveConsistency } from '@imprint/authority/audit/tiles';
import type { Storage } from '@imprint/authority/storage/storage';
import type { Tables } from '@imprint/authority/storage/tables';
import type { TreeHead, VerifierKey } from '@imprint/contract/audit/checkpoint';
import { verifyConsistency } from '@imprint/contract/audit/merkle';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { AuthorityHome } from './authority-home.ts';
import { readLogMark } from './log-mark.ts';
import { readHeld } from './restore/held.ts';

/**
 * Why nothing may be written and no checkpoint signed; undefined where all is well. Reading is right in any case.
 * @returns log_held, log_inconsistent, or file_invalid where a mark cannot be read
 */
export async function standingOf(
  home: AuthorityHome,
  { reader }: Storage,
  logKey: VerifierKey,
): Promise<ImprintError | undefined> {
  try {
    if (readHeld(home) !== undefined) {
      return new ImprintError(
        'log_held',
        'this authority was restored from a backup and is held: it only reads',
        {
          hint: 'Hold its log against the checkpoints of stations and witnesses, and release it: imprint restore release.',
        },
      );
    }
    const mark = readLogMark(home.keys, logKey);
    if (mark === undefined || (await continues(reader, mark))) return undefined;
    return new ImprintError(
      'log_inconsistent',
      `a checkpoint of ${mark.size} entries was signed with these keys, and the database does not continue it: it is an older one, or another`,
      {
        hint: 'Nothing is written. Find the newest database of this log; if it is lost, restore a backup with imprint restore, which says what is missing.',
        context: { signed: mark.size },
      },
    );
  } catch (error) {
    if (isImprintError(error, 'file_invalid')) return error;
    throw error;
  }
}

/** True where the log was this head once, proven from its tiles. */
export async function continues(reader: Kysely<Tables>, seen: Omit<TreeHead, 'origin'>): Promise<boolean> {
  const head = await reader.selectFrom('log_head').select(['size', 'root']).executeTakeFirstOrThrow();
  if (seen.size > head.size) return false;
  try {
    const proof = await proveConsistency(reader, seen.size, head.size);
    return verifyConsistency(seen.size, head.size, seen.root, head.root, proof);
  } catch (error) {
    if (isImprintError(error, 'log_inconsistent')) return false;
    throw error;
  }
}
