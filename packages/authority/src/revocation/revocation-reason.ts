/** Why something was revoked, as the registry says it and as CRL and OCSP do (RFC 5280 section 5.3.1). */
import type { EntryData } from '@imprint/contract/audit/entry';

/** Of a credential as its entry says; one for all stations, since their entry gives a sentence; and one for what was never ours. */
export type RevocationReason =
  | EntryData<'credential.revoked'>['reason']
  | 'station-revoked'
  | 'unknown-to-log';

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
  // `cACompromise` is for the certificate of the CA itself, and stands in the root's CRL
  'ca-compromise': 9,
  'unknown-to-log': 9,
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
