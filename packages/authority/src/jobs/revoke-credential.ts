/** A person revokes what was ever intended, by serial or by key, whether or not a certificate was stored or delivered (I-5). */
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';

export type RevokedCredential = { serial: string } | { publicKeySha256: string } | { deviceId: string };
export type RevocationReason = EntryData<'credential.revoked'>['reason'];

/**
 * Revokes every credential of that serial, key or device, and gives the serials that are revoked now, those that were before too:
 * asking again changes nothing. An intent among them yields no certificate any more.
 * @throws bad_request where no intent has that serial, key or device
 */
export function revokeCredential(
  ledger: Ledger,
  actor: Actor,
  which: RevokedCredential,
  reason: RevocationReason,
): Promise<string[]> {
  return ledger.submit(async (reading) => {
    const { entries, serials } = await revocationDrafts(reading, actor, which, reason);
    return { entries, reply: () => serials };
  });
}

/** The entries that revoke them, none for those that are revoked, and all their serials. @throws bad_request */
export async function revocationDrafts(
  { tx }: Pick<Reading, 'tx'>,
  actor: Actor,
  which: RevokedCredential,
  reason: RevocationReason,
): Promise<{ entries: Draft[]; serials: string[] }> {
  const found = await credentialsOf(tx, which)
    .select(['credential_id', 'serial', 'status'])
    .orderBy('serial')
    .execute();
  if (found.length === 0) {
    throw new ImprintError('bad_request', 'no certificate was ever intended for that serial, key or device', {
      hint: 'Give it as imprint device show prints it; serials and keys in lower-case hex.',
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
  return { entries, serials: found.map(({ serial }) => serial) };
}

/** By its key, which serves one device for ever: a device has few credentials, and they are found by it. */
function credentialsOf(tx: Kysely<Tables>, which: RevokedCredential) {
  const credentials = tx.selectFrom('credential');
  if ('serial' in which) return credentials.where('serial', '=', which.serial);
  if ('deviceId' in which) return credentials.where('device_id', '=', which.deviceId);
  const { publicKeySha256 } = which;
  return credentials
    .where('device_id', '=', (eb) =>
      eb.selectFrom('public_key').select('device_id').where('public_key_sha256', '=', publicKeySha256),
    )
    .where('public_key_sha256', '=', publicKeySha256);
}
