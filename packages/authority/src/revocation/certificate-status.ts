/** What the registry knows of a certificate, for whoever asks by its issuer and serial. It says `good` of nothing that it did not release. */
import type { Kysely } from 'kysely';
import { bucketOf } from '../storage/serial-bucket.ts';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, RevocationTable, Tables } from '../storage/tables.ts';
import type { RevocationReason } from './revocation-reason.ts';

export type CertificateStatus =
  | { kind: 'good' }
  | { kind: 'revoked'; revokedAt: string; reason: RevocationReason }
  | { kind: 'unknown' };

/**
 * `good` for a device's certificate that was released and not revoked, and for that of a responder; `revoked` for whatever was, also where
 * it was never released, or never ours; `unknown` for every other serial, one with an open intent among them (I-17).
 */
export async function certificateStatus(
  reader: Kysely<Tables>,
  issuerSha256: string,
  serial: string,
): Promise<CertificateStatus> {
  const key = { issuer_sha256: issuerSha256, serial };
  const credential = (await selectCredential(reader, key)).rows[0];
  if (credential !== undefined) {
    switch (credential.status) {
      case 'active':
      case 'superseded':
      case 'expired':
        return { kind: 'good' };
      case 'revoked':
        return {
          kind: 'revoked',
          revokedAt: credential.revoked_at!,
          reason: credential.revocation_reason as RevocationReason,
        };
      default:
        return { kind: 'unknown' };
    }
  }
  const responder = (await selectResponder(reader, key)).rows[0];
  if (responder !== undefined) return { kind: 'good' };
  // what the log knows of only as disowned
  const revocation = (await selectRevocation(reader, { ...key, bucket: bucketOf(serial) })).rows[0];
  if (revocation === undefined) return { kind: 'unknown' };
  return {
    kind: 'revoked',
    revokedAt: revocation.revoked_at,
    reason: revocation.reason as RevocationReason,
  };
}

type Key = { issuer_sha256: string; serial: string };

const selectCredential = statement<Key, Pick<CredentialTable, 'status' | 'revoked_at' | 'revocation_reason'>>(
  (db, arg) =>
    db
      .selectFrom('credential')
      .select(['status', 'revoked_at', 'revocation_reason'])
      .where('serial', '=', arg('serial'))
      .where('issuer_sha256', '=', arg('issuer_sha256')),
);

const selectRevocation = statement<Key & { bucket: number }, Pick<RevocationTable, 'revoked_at' | 'reason'>>(
  (db, arg) =>
    db
      .selectFrom('revocation')
      .select(['revoked_at', 'reason'])
      .where('issuer_sha256', '=', arg('issuer_sha256'))
      .where('bucket', '=', arg('bucket'))
      .where('serial', '=', arg('serial')),
);

const selectResponder = statement<Key, { serial: string }>((db, arg) =>
  db
    .selectFrom('responder')
    .select('serial')
    .where('serial', '=', arg('serial'))
    .where('issuer_sha256', '=', arg('issuer_sha256'))
    .where('certificate_sha256', 'is not', null),
);
