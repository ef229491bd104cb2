/** What the tables say of a certificate that a connection proved, its CA and its device: read anew at every request, without a cache. */
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { CaTable, CredentialTable, Tables } from '../storage/tables.ts';

export interface FoundCredential {
  credentialId: string;
  deviceId: string;
  profile: CredentialTable['profile'];
  status: CredentialTable['status'];
  notAfter: string;
  revocationReason: string | null;
  intendedAt: string;
  /** Null where the log names no such CA. */
  caStatus: CaTable['status'] | null;
  compromisedSince: string | null;
  state: LifecycleState;
  /** When its successor was issued; null where it has none. */
  supersededAt: string | null;
  /** One of the same kind that is superseded and not revoked yet. */
  superseded: string | null;
  /** The contract under which the device was ordered. */
  contractSha256: string;
}

/** By the SHA-256 (hex) of the certificate. */
export type FindCredential = (certificateSha256: string) => Promise<FoundCredential | undefined>;

export function findCredential(reader: Kysely<Tables>): FindCredential {
  return async (sha256) => (await select(reader, { sha256 })).rows[0];
}

const select = statement<{ sha256: string }, FoundCredential>((db, arg) =>
  db
    .selectFrom('credential')
    .innerJoin('device', 'device.device_id', 'credential.device_id')
    .innerJoin('production_order', 'production_order.order_id', 'device.order_id')
    .leftJoin('ca', 'ca.certificate_sha256', 'credential.issuer_sha256')
    .select((row) => [
      'credential.credential_id as credentialId',
      'credential.device_id as deviceId',
      'credential.profile',
      'credential.status',
      'credential.not_after as notAfter',
      'credential.superseded_at as supersededAt',
      'credential.revocation_reason as revocationReason',
      'credential.intended_at as intendedAt',
      'ca.status as caStatus',
      'ca.compromised_since as compromisedSince',
      'device.state',
      'production_order.contract_sha256 as contractSha256',
      row
        .selectFrom('credential as before')
        .select('before.credential_id')
        .whereRef('before.device_id', '=', 'credential.device_id')
        .whereRef('before.profile', '=', 'credential.profile')
        .where('before.status', '=', 'superseded')
        .limit(1)
        .as('superseded'),
    ])
    .where('credential.certificate_sha256', '=', arg('sha256')),
);
