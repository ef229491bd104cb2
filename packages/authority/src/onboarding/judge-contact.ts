/**
 * Whether a device that proved a certificate passes, in one place for every door that devices have (I-11, I-14). What it does not
 * know is refused. Pure.
 */
import type { ContactRefusal } from '@imprint/contract/contact-refusal';
import { type ErrorCode, ImprintError } from '@imprint/contract/errors';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { isCertifiedAnew } from './certified-anew.ts';
import type { FoundCredential } from './found-credential.ts';

export type ContactVerdict =
  /** It passes; `first`: once it is activated. */
  { passes: true; first: boolean } | { passes: false; refusal: ContactRefusal };

const dayMs = 86_400_000;

/** What a state lets a device do. A state that is not named here is none. */
const byState: Record<LifecycleState, 'passes' | 'first' | 'not-shipped' | 'barred'> = {
  allocated: 'not-shipped',
  manufactured: 'not-shipped',
  stocked: 'not-shipped',
  refurbished: 'not-shipped',
  shipped: 'first',
  activated: 'passes',
  quarantined: 'barred',
  returned: 'barred',
  lost: 'barred',
  retired: 'barred',
  scrapped: 'barred',
};

/**
 * `successorDays`: for how long the device's contract accepts what was superseded, in days. `at`: ISO 8601 UTC with milliseconds.
 * The certificate's signature is not looked at here: that this hash is in the registry says that the authority released it.
 */
export function judgeContact(
  found: FoundCredential | undefined,
  at: string,
  successorDays: number,
): ContactVerdict {
  // a claim is used up at enrolment and opens no other door; what was not released yet is known to nobody
  if (found === undefined || found.profile === 'claim' || found.status === 'intended') {
    return refused('unknown-certificate');
  }
  const allowed = byState[found.state] ?? 'barred';
  if (allowed === 'barred') return refused('barred');
  if (allowed !== 'not-shipped' && isAnew(found)) return refused('certify-anew');
  const isOfCa = found.caStatus === 'active' || found.caStatus === 'retired';
  if (!isOfCa || !isAccepted(found, at, successorDays)) return refused('credential-revoked');
  if (found.status === 'expired' || at > found.notAfter) return refused('credential-expired');
  if (allowed === 'not-shipped') return refused('not-shipped');
  return { passes: true, first: allowed === 'first' };
}

function isAnew({ profile, status, caStatus, ...found }: FoundCredential): boolean {
  return isCertifiedAnew({
    ...{ profile, status, ca_status: caStatus, compromised_since: found.compromisedSince },
    ...{ revocation_reason: found.revocationReason, intended_at: found.intendedAt },
  });
}

/** I-7: a superseded credential is good until its successor is first used, which revokes it, and for the contract's days at most. */
function isAccepted({ status, supersededAt }: FoundCredential, at: string, successorDays: number): boolean {
  if (status === 'active' || status === 'expired') return true;
  if (status !== 'superseded' || supersededAt === null) return false;
  return Date.parse(at) <= Date.parse(supersededAt) + successorDays * dayMs;
}

const words: Record<ContactRefusal, readonly [ErrorCode, string, string]> = {
  'unknown-certificate': [
    'not_authenticated',
    'This connection shows no certificate of a device that is known here.',
    'Connect with the certificate that was written on the line, and its chain; see that this is its realm.',
  ],
  'credential-revoked': [
    'credential_revoked',
    'This certificate was revoked or replaced.',
    'Use the newest certificate of this device; if it has none, it has to be returned.',
  ],
  'credential-expired': [
    'not_authenticated',
    'This certificate ran out.',
    'Use the newest certificate of this device; if it has none, it has to be returned.',
  ],
  'certify-anew': [
    'certify_anew',
    'The key of the CA of this certificate was stolen.',
    'Ask for another certificate with simplereenroll, for the key that this device has.',
  ],
  'not-shipped': [
    'device_not_shipped',
    'This device is not shipped yet, and opens nothing before that.',
    'Ship it: imprint device ship.',
  ],
  barred: ['device_barred', 'This device is barred.', 'Its record says why: imprint device show.'],
  'clone-suspected': [
    'clone_suspected',
    'The key of this device is in use in a way that one device cannot use it.',
    'Call whoever runs the authority: the key may have been copied.',
  ],
};

/** What the device is told. */
export function contactError(refusal: ContactRefusal, found?: FoundCredential): ImprintError {
  const [code, what, hint] = words[refusal];
  return new ImprintError(code, what, {
    hint,
    context: found === undefined ? { refusal } : { refusal, state: found.state },
  });
}

const refused = (refusal: ContactRefusal): ContactVerdict => ({ passes: false, refusal });
