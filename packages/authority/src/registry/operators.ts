/**
 * Operators: the log knows a pseudonym, and a table beside it knows whose it is, so that a person can be forgotten and
 * the log stays whole. Of a badge only a hash under a key is kept.
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Ledger } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';
import type { Entropy } from '../surroundings.ts';
import type { BadgeHash } from '../trust/badge-hash.ts';

export interface OperatorView {
  operator_id: string;
  name: string;
  registered_at: string;
}

const badgeText = /^[\x21-\x7e]{4,128}$/;

/**
 * Registers a person by name and badge, and gives the pseudonym.
 * @throws bad_request for a badge that no reader types, or that is registered already
 */
export async function registerOperator(
  ledger: Ledger,
  entropy: Entropy,
  by: Actor,
  person: { name: string; badge: string },
  badgeHash: BadgeHash,
): Promise<{ operator_id: string }> {
  const name = person.name.trim();
  if (name.length === 0 || name.length > 100) {
    throw new ImprintError('bad_request', 'a name has 1 to 100 characters', {
      hint: 'Give the name with --name.',
    });
  }
  if (!badgeText.test(person.badge)) {
    throw new ImprintError('bad_request', 'a badge is 4 to 128 printable characters without spaces', {
      hint: 'Scan the badge once, into a file or on standard input.',
    });
  }
  const badgeSha256 = badgeHash(person.badge);
  const operatorId = `op-${toHex(entropy(6))}`;
  return ledger.submit(async ({ tx }) => {
    const known = await tx
      .selectFrom('person')
      .select('operator_id')
      .where('badge_sha256', '=', badgeSha256)
      .executeTakeFirst();
    if (known !== undefined) {
      throw new ImprintError('bad_request', `this badge is registered already, for ${known.operator_id}`, {
        hint: 'One badge is one person.',
      });
    }
    return {
      entries: [{ type: 'operator.registered', actor: by, data: { operator_id: operatorId } }],
      remember: async (tx) => {
        await tx
          .insertInto('person')
          .values({ operator_id: operatorId, name, badge_sha256: badgeSha256 })
          .execute();
      },
      reply: () => ({ operator_id: operatorId }),
    };
  });
}

/** All operators by name; one whose person was forgotten has an empty name. */
export async function listOperators(reader: Kysely<Tables>): Promise<OperatorView[]> {
  const rows = await reader
    .selectFrom('operator')
    .leftJoin('person', 'person.operator_id', 'operator.operator_id')
    .select(['operator.operator_id', 'person.name', 'operator.registered_at'])
    .orderBy('person.name')
    .orderBy('operator.operator_id')
    .execute();
  return rows.map((row) => ({ ...row, name: row.name ?? '' }));
}
