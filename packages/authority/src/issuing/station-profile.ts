/** What a station's client certificate says: which factory PC it is, for some days, in one realm. Pure. */
import { leafScope } from '@imprint/contract/x509/ca-scope';
import { encodeName } from '@imprint/contract/x509/name';
import { type Realm, realmPolicyOid, stationUri } from '@imprint/contract/x509/realm';
import type { Issuer } from './issuer.ts';
import { addDays, beginOfValidity, profileSha256 } from './profile.ts';
import {
  alternativeNameExtension,
  authorityKeyExtension,
  encodeTbs,
  notCaExtension,
  policyExtension,
  purposeExtension,
  scopeExtensions,
  signingUsage,
  uriName,
} from './tbs.ts';

export interface StationTerms {
  v: 1;
  profile: 'station';
  realm: Realm;
  organization: string;
  days: number;
  skew_minutes: number;
}

export interface StationProfile {
  readonly terms: StationTerms;
  readonly sha256: string;
}

export interface StationFacts {
  stationId: string;
  /** Where it stands: what its issuer's scope is held against (I-9). */
  site: string;
  /** SubjectPublicKeyInfo, DER, of a request whose proof held. */
  spki: Uint8Array;
}

export const stationDays = 30;
/** Factory PCs drift by minutes. */
const stationSkewMinutes = 5;

export function stationProfile(
  organization: string,
  realm: Realm,
  days: number = stationDays,
): StationProfile {
  const terms: StationTerms = {
    v: 1,
    profile: 'station',
    realm,
    organization,
    days,
    skew_minutes: stationSkewMinutes,
  };
  return { terms, sha256: profileSha256(terms) };
}

/** The TBSCertificate of a station, valid for the profile's days. */
export function buildStationTbs(
  issuer: Issuer,
  profile: StationProfile,
  facts: StationFacts,
  serial: Uint8Array,
  now: Date,
): Uint8Array {
  const { terms } = profile;
  const notBefore = beginOfValidity(now, terms.skew_minutes * 60_000, issuer);
  return encodeTbs({
    serial,
    signerKeyType: issuer.signer.keyType,
    issuer: issuer.certificate.subject.der,
    subject: encodeName([
      { type: 'organization', value: terms.organization },
      { type: 'commonName', value: facts.stationId },
    ]),
    notBefore: notBefore.toISOString(),
    notAfter: addDays(notBefore, terms.days),
    spki: facts.spki,
    extensions: [
      authorityKeyExtension(issuer.keyIdentifier),
      signingUsage,
      notCaExtension,
      purposeExtension('clientAuth'),
      alternativeNameExtension(uriName(stationUri(terms.realm, facts.stationId))),
      policyExtension(realmPolicyOid(terms.realm)),
      ...scopeExtensions(leafScope(issuer.scope)),
    ],
  });
}
