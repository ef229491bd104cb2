/**
 * Who is certified anew after the key of a CA was stolen: a unit in the field whose birth certificate the log names from before. It proves
 * the key that it has had since the line, and gets another certificate for that key. Until then it may do nothing else.
 */
import type { CaTable, CredentialTable } from '../storage/tables.ts';

export interface UnderStolenCa {
  profile: CredentialTable['profile'];
  status: CredentialTable['status'];
  revocation_reason: string | null;
  intended_at: string;
  ca_status: CaTable['status'] | null;
  compromised_since: string | null;
}

/** What was revoked for another reason is revoked for good; so is what the log names only since the key may have been in other hands. */
export function isCertifiedAnew(credential: UnderStolenCa): boolean {
  const { profile, status, revocation_reason, intended_at, ca_status, compromised_since } = credential;
  if (ca_status !== 'compromised' || compromised_since === null || profile !== 'idevid') return false;
  const isForThis = status === 'active' || (status === 'revoked' && revocation_reason === 'ca-compromise');
  return isForThis && intended_at < compromised_since;
}
