/** A person revokes what was ever intended, by serial or by key, whether or not a certificate was stored or delivered (I-5). */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Draft, Ledger } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';

export type RevokedCredential = { serial: string } | { publicKeySha256: string };

/**
 * Revokes every credential of that serial or key, and gives the serials that are revoked now, those that were before too:
 * asking again changes nothing. An intent among them yields no certificate any more.
 * @throws bad_request where no intent has that serial or key
 */
export function revokeCredential(
  ledger: Ledger,
  actor: Actor,
  which: RevokedCredential,
  reason: EntryData<'credential.revoked'>['reason'],
): Promise<string[]> {
  return ledger.submit(async ({ tx }) => {
    const found = await credentialsOf(tx, which)
      .select(['credential_id', 'serial', 'status'])
      .orderBy('serial')
      .execute();
    if (found.length === 0) {
      throw new ImprintError('bad_request', 'no certificate was ever intended for that serial or key', {
        hint: 'Give it in lower-case hex as imprint device show prints it.',
      });
    }
    const entries = found
      .filter(({ status }) => status !== 'revoked')
      .map(
        ({ credential_id, serial }): Draft => ({
          type: 'credential.revoked',
          actor,
          data: { credential_id, serial, reason },
        }),
      );
    return { entries, reply: () => found.map(({ serial }) => serial) };
  });
}

/** By its key, which serves one device for ever: a device has few credentials, and they are found by it. */
function credentialsOf(tx: Kysely<Tables>, which: RevokedCredential) {
  const credentials = tx.selectFrom('credential');
  if ('serial' in which) return credentials.where('serial', '=', which.serial);
  const { publicKeySha256 } = which;
  return credentials
    .where('device_id', '=', (eb) =>
      eb.selectFrom('public_key').select('device_id').where('public_key_sha256', '=', publicKeySha256),
    )
    .where('public_key_sha256', '=', publicKeySha256);
}
