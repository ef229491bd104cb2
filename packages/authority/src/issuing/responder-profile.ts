/**
 * What the certificate of an OCSP responder's key says: it answers for its issuer (RFC 6960 section 4.2.2.2), for a few days, and nobody
 * asks about it. The CA's own key signs no answer. Pure.
 */
import { encodeName } from '@imprint/contract/x509/name';
import { type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import type { Issuer } from './issuer.ts';
import { addDays, beginOfValidity, profileSha256 } from './profile.ts';
import {
  authorityKeyExtension,
  encodeTbs,
  notCaExtension,
  ocspNoCheckExtension,
  policyExtension,
  purposeExtension,
  signingUsage,
} from './tbs.ts';

export interface ResponderTerms {
  v: 1;
  profile: 'ocsp';
  realm: Realm;
  organization: string;
  days: number;
  skew_minutes: number;
}

export interface ResponderProfile {
  readonly terms: ResponderTerms;
  readonly sha256: string;
}

/** Since nobody can revoke it in time, it ends soon: a key that leaks with a process's memory is worth a few days. */
export const responderDays = 3;
/** Of those who verify answers, with late clocks. */
const responderSkewMinutes = 60;

export function responderProfile(organization: string, realm: Realm): ResponderProfile {
  const terms: ResponderTerms = {
    v: 1,
    profile: 'ocsp',
    realm,
    organization,
    days: responderDays,
    skew_minutes: responderSkewMinutes,
  };
  return { terms, sha256: profileSha256(terms) };
}

/** The TBSCertificate of a P-256 key (SubjectPublicKeyInfo, DER) that answers for `issuer`. */
export function buildResponderTbs(
  issuer: Issuer,
  { terms }: ResponderProfile,
  spki: Uint8Array,
  serial: Uint8Array,
  now: Date,
): Uint8Array {
  const notBefore = beginOfValidity(now, terms.skew_minutes * 60_000, issuer);
  return encodeTbs({
    serial,
    signerKeyType: issuer.signer.keyType,
    issuer: issuer.certificate.subject.der,
    subject: encodeName([
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: `imprint ocsp ${terms.realm}` },
    ]),
    notBefore: notBefore.toISOString(),
    notAfter: addDays(notBefore, terms.days),
    spki,
    extensions: [
      authorityKeyExtension(issuer.keyIdentifier),
      signingUsage,
      notCaExtension,
      purposeExtension('ocspSigning'),
      policyExtension(realmPolicyOid(terms.realm)),
      ocspNoCheckExtension,
    ],
  });
}
