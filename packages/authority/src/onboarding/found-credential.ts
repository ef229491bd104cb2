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
  /** Null where the log names no such CA. */
  caStatus: CaTable['status'] | null;
  state: LifecycleState;
  /** When the active credential of the same kind was issued: to a superseded one, that is its successor. */
  activeSince: string | null;
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
      'ca.status as caStatus',
      'device.state',
      'production_order.contract_sha256 as contractSha256',
      row
        .selectFrom('credential as other')
        .select('other.issued_at')
        .whereRef('other.device_id', '=', 'credential.device_id')
        .whereRef('other.profile', '=', 'credential.profile')
        .where('other.status', '=', 'active')
        .limit(1)
        .as('activeSince'),
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
