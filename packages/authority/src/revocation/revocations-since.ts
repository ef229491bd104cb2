/** What was revoked lately, in the order of the log, for those who keep something that a revocation makes wrong. */
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { RevocationTable, Tables } from '../storage/tables.ts';

type Revocation = Pick<RevocationTable, 'issuer_sha256' | 'serial' | 'log_index'>;

const atOnce = 5_000;

/**
 * Revocations by entry `from` of the log and later ones, some thousands at most, and where to go on: undefined where there was none. Entries
 * are committed in the order of the log, so nothing comes later before that place.
 */
export async function revocationsSince(
  reader: Kysely<Tables>,
  from: number,
): Promise<{ revocations: Revocation[]; next: number | undefined }> {
  const { rows } = await selectSince(reader, { from });
  const last = rows.at(-1);
  return { revocations: rows, next: last === undefined ? undefined : last.log_index + 1 };
}

const selectSince = statement<{ from: number }, Revocation>((db, arg) =>
  db
    .selectFrom('revocation')
    .select(['issuer_sha256', 'serial', 'log_index'])
    .where('log_index', '>=', arg('from'))
    .orderBy('log_index')
    .limit(atOnce),
);
