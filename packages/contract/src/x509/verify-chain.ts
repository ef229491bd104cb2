/**
 * The one verifier of Imprint's certificate chains. It trusts the root that the caller pins and nothing else: the chain must
 * be exactly leaf, intermediates in order; what a profile does not name is refused.
 */

import { equalBytes } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { branchOfCa, branchOfPurpose, type CaBranch } from './ca-branch.ts';
import { checkScope } from './ca-scope.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { checkLeaf, type LeafPurpose, type VerifiedLeaf } from './leaf.ts';
import { operationalPolicyOid, type Realm, realmOfPolicy, realmPolicyOid, realmUnit } from './realm.ts';
import { refusal } from './refusal.ts';
import { verifySignature } from './signature.ts';

export interface ChainToVerify {
  /** DER: the leaf first, then each certificate's issuer, without the root. */
  chain: readonly Uint8Array[];
  /** DER of the pinned root. */
  root: Uint8Array;
  /** The time at which the chain must be valid; what "now" is, is the caller's to say. */
  at: Date | string;
  realm: Realm;
  /** What the leaf is to be for: its profile, and the branch in which every CA of the chain must stand. */
  purpose: LeafPurpose;
}

/**
 * The leaf of a chain that is valid in every point: order, names byte for byte, signatures, key identifiers, CA constraints,
 * key usage, whom each CA certifies and what it is bound to, validity at `at` and no longer than the issuer's, realm, profile, distinct names and keys. Throws `certificate_refused`
 * with `context.reason` (refusal.ts) and `context.position` (0 is the leaf). Revocation is not in a chain: ask the registry.
 */
export function verifyChain(input: ChainToVerify): VerifiedLeaf {
  const at = instantOf(input.at);
  // a unit's certificate is never signed by the root itself
  if (input.chain.length < 2 || input.chain.length + 1 > limits.chainCertificates) {
    throw refusal('chain_length_wrong', { certificates: input.chain.length });
  }
  const path = [...input.chain, input.root].map((der, position) =>
    atPosition(position, () => parseCertificate(der)),
  );
  checkDistinct(path);
  for (const [position, certificate] of path.entries()) {
    atPosition(position, () => {
      const issuer = path[position + 1];
      if (issuer === undefined) checkRoot(certificate);
      else checkIssuedBy(certificate, issuer);
      checkValidity(certificate, at);
      checkRealmPolicy(certificate, input.realm, position === 0);
      if (position > 0) {
        checkAuthority(certificate, position - 1, input.realm, branchOfPurpose[input.purpose]);
      }
    });
  }
  atPosition(0, () => checkScope(path[0]!, path.slice(1)));
  return atPosition(0, () => checkLeaf(path[0]!, input.purpose, input.realm));
}

export interface CaToVerify {
  /** DER of the intermediate, and of the pinned root. */
  certificate: Uint8Array;
  root: Uint8Array;
  at: Date | string;
  realm: Realm;
  /** Whom it is to certify. */
  branch: CaBranch;
}

/**
 * The certificate of an intermediate that stands directly beneath the root, valid in every point that {@link verifyChain} asks of a CA.
 * Throws `certificate_refused` with `context.reason` and `context.position` (0 is the intermediate, 1 the root).
 */
export function verifyCa({ certificate, root, at, realm, branch }: CaToVerify): Certificate {
  const instant = instantOf(at);
  const path = [certificate, root].map((der, position) => atPosition(position, () => parseCertificate(der)));
  checkDistinct(path);
  for (const [position, ca] of path.entries()) {
    atPosition(position, () => {
      if (position === 0) checkIssuedBy(ca, path[1]!);
      else checkRoot(ca);
      checkValidity(ca, instant);
      checkRealmPolicy(ca, realm);
      checkAuthority(ca, position, realm, branch);
    });
  }
  return path[0]!;
}

/** The root of a branch of the realm by itself: self-signed, of its profile, valid. Throws `certificate_refused`. */
export function verifyRoot({ root: der, at, realm, branch }: Omit<CaToVerify, 'certificate'>): Certificate {
  const instant = instantOf(at);
  const root = parseCertificate(der);
  checkRoot(root);
  checkValidity(root, instant);
  checkRealmPolicy(root, realm);
  checkAuthority(root, 0, realm, branch);
  return root;
}

function checkIssuedBy(certificate: Certificate, issuer: Certificate): void {
  if (!equalBytes(certificate.issuer.der, issuer.subject.der)) throw refusal('issuer_mismatch');
  const named = certificate.extensions.authorityKeyIdentifier;
  const own = issuer.extensions.subjectKeyIdentifier;
  if (named === undefined || own === undefined)
    throw refusal('extension_missing', { extension: 'key identifiers' });
  if (!equalBytes(named, own)) throw refusal('key_identifier_mismatch');
  checkSignature(certificate, issuer);
  if (certificate.notAfter > issuer.notAfter)
    throw refusal('outlives_issuer', { notAfter: certificate.notAfter });
}

function checkSignature(certificate: Certificate, issuer: Certificate): void {
  if (certificate.signedWith !== issuer.publicKey.type) throw refusal('signature_algorithm_mismatch');
  if (!verifySignature(issuer.publicKey, certificate.tbs, certificate.signature))
    throw refusal('signature_wrong');
}

function checkRoot(root: Certificate): void {
  const { authorityKeyIdentifier: named, subjectKeyIdentifier: own } = root.extensions;
  if (!equalBytes(root.issuer.der, root.subject.der))
    throw refusal('root_wrong', { problem: 'not self-issued' });
  if (own === undefined) throw refusal('extension_missing', { extension: 'subjectKeyIdentifier' });
  if (named !== undefined && !equalBytes(named, own)) throw refusal('key_identifier_mismatch');
  checkSignature(root, root);
  // a root is in nobody's CRL: who pins it decides about it
  if (root.extensions.crlDistributionPoints !== undefined) throw refusal('extension_not_in_profile');
  if (root.extensions.scope !== undefined) throw refusal('root_wrong', { problem: 'bound to a scope' });
}

/** RFC 5280 section 6.1.4 (k) to (n), narrowed to our CA profile; `below` counts the CAs between this one and the leaf. */
function checkAuthority(ca: Certificate, below: number, realm: Realm, branch: CaBranch): void {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltName } = ca.extensions;
  const { authorityInfoAccess, ocspNoCheck } = ca.extensions;
  if (basicConstraints?.ca !== true) throw refusal('not_a_ca');
  if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < below) {
    throw refusal('path_length_exceeded', { pathLength: basicConstraints.pathLength, below });
  }
  if (keyUsage === undefined || !keyUsage.includes('keyCertSign')) throw refusal('key_usage_wrong');
  if (keyUsage.some((usage) => usage !== 'keyCertSign' && usage !== 'cRLSign'))
    throw refusal('key_usage_wrong');
  const ofLeaves = [extendedKeyUsage, subjectAltName, authorityInfoAccess, ocspNoCheck];
  if (ofLeaves.some((one) => one !== undefined)) throw refusal('extension_not_in_profile');
  const [organization, unit, name, ...more] = ca.subject.attributes;
  const hasForm =
    organization?.type === 'organization' &&
    unit?.type === 'organizationalUnit' &&
    name?.type === 'commonName' &&
    more.length === 0;
  if (!hasForm) throw refusal('subject_wrong');
  if (unit.value !== realmUnit(realm)) throw refusal('realm_mismatch', { unit: unit.value, realm });
  if (branchOfCa(ca.subject) !== branch) throw refusal('ca_for_others', { ca: name.value, branch });
}

/** Both ends belong to the validity (RFC 5280 section 4.1.2.5). Times of one format compare as text. */
function checkValidity({ notBefore, notAfter }: Certificate, at: string): void {
  if (at < notBefore) throw refusal('not_yet_valid', { at, notBefore });
  if (at.slice(0, 19) > notAfter.slice(0, 19)) throw refusal('expired', { at, notAfter });
}

/** The realm's policy alone; behind it a leaf may have the one that {@link checkLeaf} holds against its purpose. */
function checkRealmPolicy(certificate: Certificate, realm: Realm, isLeaf = false): void {
  const policies = certificate.extensions.policies;
  if (policies === undefined) throw refusal('extension_missing', { extension: 'policies' });
  const [first, ...more] = policies;
  const isKnown = more.length === 0 || (isLeaf && more.join() === operationalPolicyOid);
  if (first !== realmPolicyOid(realm) || !isKnown) {
    throw refusal('realm_mismatch', {
      found: policies.map((policy) => realmOfPolicy(policy) ?? policy),
      realm,
    });
  }
}

/** A CA that stands twice in a path, or that signs for its own key, is no path of ours. */
function checkDistinct(path: Certificate[]): void {
  for (const [position, certificate] of path.entries()) {
    for (const earlier of path.slice(0, position)) {
      if (equalBytes(earlier.subject.der, certificate.subject.der))
        throw refusal('name_repeated', { position });
      if (equalBytes(earlier.publicKey.spki, certificate.publicKey.spki))
        throw refusal('key_repeated', { position });
    }
  }
}

function atPosition<Result>(position: number, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (error instanceof ImprintError) error.context.position ??= position;
    throw error;
  }
}

function instantOf(at: Date | string): string {
  const instant = typeof at === 'string' ? new Date(at) : at;
  if (Number.isNaN(instant.getTime()) || (typeof at === 'string' && !isInstant(at, instant))) {
    throw new ImprintError('bad_request', 'The time of verification is no ISO 8601 time in UTC.', {
      hint: 'Write it like 2026-01-31T12:00:00.000Z.',
    });
  }
  return instant.toISOString();
}

/** `Date` takes the 30th of February for the 2nd of March, and other spellings besides. */
function isInstant(text: string, parsed: Date): boolean {
  return (
    /^\d{4}(-\d\d){2}T\d\d(:\d\d){2}(\.\d{1,3})?Z$/.test(text) &&
    parsed.toISOString().startsWith(text.slice(0, 19))
  );
}
