/** Revoking by serial what may have been signed, whether or not a certificate was ever stored (I-2, I-5). */
import { ImprintError } from '@imprint/contract/errors';
import type { Decision, Draft, Reading } from '../ledger/ledger.ts';
import type { Credential } from './job.ts';

export function revoked(
  actor: Draft['actor'],
  credential: Credential,
  reason: 'intent-uncertain' | 'key-lost' | 'custody-lost',
): Draft {
  return {
    type: 'credential.revoked',
    actor,
    data: { credential_id: credential.credential_id, serial: credential.serial, reason },
  };
}

/** The signer failed, or signed something else: what came of it is unknown, so the serial is revoked and never used again. */
export async function closeAsUncertain(
  reading: Reading,
  credentialId: string,
  error: unknown,
): Promise<Decision<void>> {
  const credential = await reading.tx
    .selectFrom('credential')
    .selectAll()
    .where('credential_id', '=', credentialId)
    .executeTakeFirst();
  const actor: Draft['actor'] = { kind: 'authority', id: 'signer' };
  const entries: Draft[] = [];
  if (credential?.status === 'intended') entries.push(revoked(actor, credential, 'intent-uncertain'));
  if (error instanceof ImprintError && error.code === 'tbs_mismatch') {
    entries.push({
      type: 'alarm.raised',
      actor,
      data: { kind: 'tbs-mismatch', subject: credentialId, detail: error.message },
    });
  }
  return { entries, reply: () => undefined };
}
