/** What a compromised CA has certified, and what becomes of each: the one rule, for the plan and for the act. */
import type { LifecycleState } from '@imprint/contract/lifecycle';
import type { Kysely } from 'kysely';
import { statement } from '../storage/statement.ts';
import type { CredentialTable, Tables } from '../storage/tables.ts';

/**
 * - `certify-anew`: a unit in the field, whose key the log names from before the compromise: it gets a new certificate for that key when
 *   it next comes.
 * - `set-aside`: where nobody can tell whose key that is, or the unit is still in our hands: into quarantine, to be replaced.
 * - `revoke`: its device is out of the way already, or has another certificate that is believed.
 * - `revoked`: it was before.
 */
export type Outcome = 'certify-anew' | 'set-aside' | 'revoke' | 'revoked';

export interface IssuedCredential
  extends Pick<
    CredentialTable,
    | 'credential_id'
    | 'device_id'
    | 'profile'
    | 'serial'
    | 'certificate_sha256'
    | 'status'
    | 'intended_at'
    | 'revocation_reason'
  > {
  state: LifecycleState;
  order_id: string;
  /** How many other credentials of its device are live, and from before the compromise or of another CA. */
  others: number | bigint | string;
}

const field: readonly LifecycleState[] = ['shipped', 'activated'];
const inOurHands: readonly LifecycleState[] = [
  'allocated',
  'manufactured',
  'refurbished',
  'stocked',
  'returned',
];

/** What becomes of a credential of a CA whose key may have been in other hands since then. */
export function outcomeOf(issued: IssuedCredential, since: string): Outcome {
  const { status, state, intended_at, others } = issued;
  if (status === 'revoked') return 'revoked';
  if (field.includes(state)) {
    if (intended_at < since) return 'certify-anew';
    return Number(others) > 0 ? 'revoke' : 'set-aside';
  }
  return inOurHands.includes(state) ? 'set-aside' : 'revoke';
}

export const issuedPage = 500;

/**
 * All that was ever intended under the CA, a page at a time in the order of the credentials' IDs: those after `after`, some hundreds at
 * most. Once the CA is declared compromised no further one comes.
 */
export async function issuedBy(
  db: Kysely<Tables>,
  issuerSha256: string,
  since: string,
  after: string,
): Promise<IssuedCredential[]> {
  return (await selectPage(db, { issuer_sha256: issuerSha256, since, after })).rows;
}

/** One of them, as it is now. */
export async function oneIssued(
  db: Kysely<Tables>,
  issuerSha256: string,
  since: string,
  credentialId: string,
): Promise<IssuedCredential | undefined> {
  return (await selectOne(db, { issuer_sha256: issuerSha256, since, credential_id: credentialId })).rows[0];
}

type Of = { issuer_sha256: string; since: string };

const selectPage = statement<Of & { after: string }, IssuedCredential>((db, arg) =>
  issued(db, arg('issuer_sha256'), arg('since'))
    .where('credential.credential_id', '>', arg('after'))
    .orderBy('credential.credential_id')
    .limit(issuedPage),
);

const selectOne = statement<Of & { credential_id: string }, IssuedCredential>((db, arg) =>
  issued(db, arg('issuer_sha256'), arg('since')).where('credential.credential_id', '=', arg('credential_id')),
);

function issued(db: Kysely<Tables>, issuerSha256: string, since: string) {
  return db
    .selectFrom('credential')
    .innerJoin('device', 'device.device_id', 'credential.device_id')
    .select((row) => [
      'credential.credential_id',
      'credential.device_id',
      'credential.profile',
      'credential.serial',
      'credential.certificate_sha256',
      'credential.status',
      'credential.intended_at',
      'credential.revocation_reason',
      'device.state',
      'device.order_id',
      row
        .selectFrom('credential as other')
        .select((other) => other.fn.countAll<number>().as('count'))
        .whereRef('other.device_id', '=', 'credential.device_id')
        .whereRef('other.credential_id', '!=', 'credential.credential_id')
        .where('other.status', 'in', ['active', 'superseded'])
        .where((other) =>
          other.or([
            other('other.issuer_sha256', '!=', issuerSha256),
            other('other.intended_at', '<', since),
          ]),
        )
        .as('others'),
    ])
    .where('credential.issuer_sha256', '=', issuerSha256);
}
