/**
 * Where we refuse and OpenSSL accepts, by the reason of our refusal: each with why that is meant. A reason that is not here is a
 * difference nobody decided on. The other direction, that we accept and OpenSSL refuses, has no table: it is always a failure.
 *
 * Revocation lists have none, because Imprint writes and never reads them: `openssl crl` judges those that it writes.
 */
import assert from 'node:assert/strict';
import { type ImprintError, isImprintError } from '@imprint/contract/errors';
import type { RefusalReason } from '@imprint/contract/x509/refusal';
import type { OpensslVerdict } from './openssl.ts';

/** What both judge: a certificate is read, a chain and a request are verified. */
export type Judged = 'certificate' | 'chain' | 'request';

/** What certificate and chain share: OpenSSL is a library for the certificates of all the world, we for our own. */
const form = {
  malformed:
    'OpenSSL reads BER, skips what it does not know, and leaves an extension unread until it is asked for it.',
  version_wrong: 'OpenSSL reads versions 1 and 2; ours are all version 3.',
  serial_wrong: 'OpenSSL takes serial numbers that RFC 5280 forbids: negative, zero, longer than 20 octets.',
  key_unsupported: 'OpenSSL knows many kinds, curves and forms of keys; we take three, in one form each.',
  name_wrong: 'Names of ours have four attributes, each once and alone in its RDN, in two types of strings.',
  extension_unknown: 'OpenSSL passes over an extension that is not critical; an unknown one is denied here.',
  extension_value_wrong: 'Each extension has the one form of our profiles; RFC 5280 knows more.',
  extension_criticality_wrong:
    'RFC 5280 leaves the criticality of some extensions open; our profiles do not.',
} satisfies Partial<Record<RefusalReason, string>>;

export const stricter: Record<Judged, Record<string, string>> = {
  certificate: {
    ...form,
    too_large: 'OpenSSL has no cap of its own; ours keeps the work on foreign bytes small.',
    signature_algorithm_unknown: 'OpenSSL reads a certificate whatever signed it; we take three algorithms.',
    signature_algorithm_mismatch: 'OpenSSL compares the two algorithms when it verifies, not when it reads.',
    validity_wrong: 'OpenSSL looks at times when it verifies, not when it reads.',
    extension_missing: 'A certificate without any extension is none of ours.',
    extension_repeated: 'OpenSSL looks for repeated extensions when it verifies, not when it reads.',
  },
  chain: {
    ...form,
    signature_algorithm_unknown: 'OpenSSL reads the algorithm in BER too; we compare its bytes.',
    signature_algorithm_mismatch:
      'OpenSSL compares what it read of the two algorithms; we compare their bytes.',
    'the root':
      'OpenSSL takes a pinned root as it is: its form, extensions and own signature are not looked at.',
    chain_length_wrong:
      'OpenSSL takes certificates that belong to no path along; a chain of ours is the path.',
    issuer_mismatch:
      'OpenSSL compares names after folding them and finds the order itself; we compare bytes, in order.',
    name_repeated: 'OpenSSL leaves a second certificate of one subject aside; no path of ours has one.',
    outlives_issuer:
      'RFC 5280 does not ask that a certificate ends before its issuer; our CAs never sign one that does not.',
    extension_missing: 'RFC 5280 asks a leaf for fewer extensions than our profile.',
    extension_not_in_profile: 'An extension that RFC 5280 allows may still be none of the profile.',
    key_usage_wrong: 'OpenSSL takes any key usage that includes what is needed; ours names one.',
    purpose_wrong: 'OpenSSL takes a leaf for several purposes, or for all; ours has one.',
    subject_wrong: "OpenSSL knows nothing of our device IDs, which stand in a leaf's subject.",
    subject_alt_name_wrong: 'OpenSSL does not know that the URI repeats the subject.',
    ca_for_others:
      'OpenSSL does not know that a CA certifies devices or stations, never both (decision 0140).',
    scope_mismatch: 'OpenSSL does not know the extension that binds a CA (decision 0240).',
    realm_mismatch: 'OpenSSL is told the policy, and does not read the realm in a name or a URI.',
  },
  request: {
    csr_invalid: 'OpenSSL verifies requests of other versions and under other algorithms.',
    'csr_invalid: not strict DER':
      'OpenSSL reads BER and leaves attributes unread; we read all of a request, under a cap.',
    key_unsupported: 'OpenSSL knows many kinds, curves and forms of keys; we take three, in one form each.',
  },
};

/** The rows that were needed since the process began, as `judged: reason`. */
export const rowsMet = new Set<string>();

/**
 * Holds our verdict against OpenSSL's; `refused` is our refusal, if it is one. In a chain the root stands at `rootPosition`.
 * @throws AssertionError for a difference that no row explains
 */
export function compareVerdicts(
  judged: Judged,
  refused: ImprintError | undefined,
  theirs: OpensslVerdict<unknown>,
  rootPosition?: number,
): void {
  if (refused === undefined) {
    assert.ok(
      theirs.accepts,
      `we accept a ${judged} that OpenSSL refuses: ${theirs.accepts ? '' : theirs.says}`,
    );
    return;
  }
  if (!theirs.accepts) return;
  const row = rowFor(refused, rootPosition);
  rowsMet.add(`${judged}: ${row}`);
  assert.ok(
    Object.hasOwn(stricter[judged], row),
    `we refuse a ${judged} that OpenSSL accepts, and no row says why: ${row} (${refused.message})`,
  );
}

function rowFor(refused: ImprintError, rootPosition: number | undefined): string {
  const { reason, position } = refused.context;
  if (rootPosition !== undefined && position === rootPosition) return 'the root';
  if (typeof reason === 'string') return reason;
  return isImprintError(refused.cause, 'der_invalid') ? `${refused.code}: not strict DER` : refused.code;
}
