/** Why something was revoked, as the registry says it and as CRL and OCSP do (RFC 5280 section 5.3.1). */
import type { EntryData } from '@imprint/contract/audit/entry';

/** Of a credential as its entry says; of a station one for all, since its entry gives a sentence. */
export type RevocationReason = EntryData<'credential.revoked'>['reason'] | 'station-revoked';

/**
 * `intent-uncertain` and `station-revoked` have no reason that a stranger could use. A key that a unit lost was replaced by another
 * one; a unit that was set aside, or is in
 * other hands, may do nothing any more.
 */
const codes: Record<RevocationReason, number> = {
  'intent-uncertain': 0,
  'station-revoked': 0,
  'key-compromise': 1,
  'key-lost': 4,
  superseded: 4,
  scrapped: 5,
  retired: 5,
  quarantined: 9,
  'custody-lost': 9,
  lost: 9,
};

/** The CRLReason's number; 0, `unspecified`, is never written. */
export function crlReasonOf(reason: RevocationReason): number {
  return codes[reason];
}
