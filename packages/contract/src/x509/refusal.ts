/** Why a certificate is refused: a closed list, so that programs, log and console name each reason the same way. */

import { ImprintError } from '../errors.ts';

/** Each reason with what it says to a person. */
export const refusalReasons = {
  // the certificate in itself
  malformed: 'A certificate is not strict DER of the X.509 structure.',
  too_large: 'A certificate is larger than the cap.',
  version_wrong: 'A certificate is not X.509 version 3.',
  serial_wrong: 'A serial number is not positive or has more than 20 octets.',
  signature_algorithm_unknown: 'A signature algorithm is not ECDSA with SHA-256 or SHA-384, or Ed25519.',
  name_wrong: 'A name has an attribute, a form or a character that no certificate of ours has.',
  key_unsupported: 'A public key is not P-256, P-384 or Ed25519 in strict form.',
  validity_wrong: 'A validity ends before it begins.',
  extension_unknown: 'A certificate has an extension, or part of one, that is not known here.',
  extension_repeated: 'A certificate has an extension twice.',
  extension_criticality_wrong: 'An extension is critical and should not be, or the reverse.',
  extension_value_wrong: 'The value of an extension is not one that a certificate of ours has.',
  // the chain
  chain_length_wrong: 'The chain has too few or too many certificates.',
  issuer_mismatch: 'A certificate names another issuer than the next one in the chain.',
  key_identifier_mismatch: "A certificate's authority key identifier is not its issuer's key identifier.",
  signature_algorithm_mismatch: "A signature's algorithm is not that of the issuer's key.",
  signature_wrong: 'A certificate was not signed by the next one in the chain.',
  root_wrong: 'The root is not a self-signed CA certificate.',
  name_repeated: 'Two certificates of the chain have the same subject.',
  key_repeated: 'Two certificates of the chain have the same key.',
  not_a_ca: 'A certificate that issued another is no CA.',
  ca_for_others: 'A CA certifies another kind of holder than the one that is asked for.',
  path_length_exceeded: "The chain is longer than a CA's path length allows.",
  key_usage_wrong: 'The key usage is not that of the profile.',
  extension_missing: 'An extension of the profile is missing.',
  extension_not_in_profile: 'An extension stands in a certificate whose profile has none of it.',
  not_yet_valid: 'A certificate was not valid yet at that time.',
  expired: 'A certificate was no longer valid at that time.',
  outlives_issuer: 'A certificate is valid longer than its issuer.',
  realm_mismatch: 'A certificate is of another realm, or of none.',
  scope_mismatch: 'A certificate is outside the product, site or year that a CA above it is bound to.',
  // the leaf
  purpose_wrong: 'The extended key usage or the policy is not that of the purpose.',
  subject_wrong: 'A subject is not built as the profile says.',
  subject_alt_name_wrong: 'The subject alternative name does not say what the subject says.',
} as const;

export type RefusalReason = keyof typeof refusalReasons;

/** `certificate_refused` with the reason in `context.reason`; `position` counts from the leaf, 0, to the root. */
export function refusal(
  reason: RefusalReason,
  context: Record<string, unknown> = {},
  cause?: unknown,
): ImprintError {
  return new ImprintError('certificate_refused', refusalReasons[reason], {
    hint: 'Do not trust what came with this certificate. `openssl x509 -inform DER -text` shows it.',
    context: { reason, ...context },
    ...(cause === undefined ? {} : { cause }),
  });
}
