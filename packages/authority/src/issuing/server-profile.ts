/**
 * What the certificate says under which devices reach the authority: some hosts, for a few days, beneath the root that devices pin.
 * Nobody can ask whether it was revoked, so it ends soon. Pure.
 */
import { leafScope } from '@imprint/contract/x509/ca-scope';
import { encodeName } from '@imprint/contract/x509/name';
import { type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import { hostName } from './host-name.ts';
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
} from './tbs.ts';

export interface DeviceServerTerms {
  v: 1;
  profile: 'device-server';
  realm: Realm;
  organization: string;
  /** In the order in which the certificate names them. */
  hosts: readonly string[];
  days: number;
  skew_minutes: number;
}

export interface DeviceServerProfile {
  readonly terms: DeviceServerTerms;
  readonly sha256: string;
}

/** The key is in the memory of one process alone; it is certified anew at half of this. */
export const deviceServerDays = 14;
/** Devices' clocks are late by hours where they have no battery: a day hurts nobody. */
const skewMinutes = 24 * 60;

export function deviceServerProfile(
  organization: string,
  realm: Realm,
  hosts: readonly string[],
): DeviceServerProfile {
  const terms: DeviceServerTerms = {
    v: 1,
    profile: 'device-server',
    realm,
    organization,
    hosts,
    days: deviceServerDays,
    skew_minutes: skewMinutes,
  };
  return { terms, sha256: profileSha256(terms) };
}

/** The TBSCertificate of a P-256 key (SubjectPublicKeyInfo, DER) under which devices reach this authority. */
export function buildDeviceServerTbs(
  issuer: Issuer,
  { terms }: DeviceServerProfile,
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
      { type: 'commonName', value: `imprint devices ${terms.realm}` },
    ]),
    notBefore: notBefore.toISOString(),
    notAfter: addDays(notBefore, terms.days),
    spki,
    extensions: [
      authorityKeyExtension(issuer.keyIdentifier),
      signingUsage,
      notCaExtension,
      purposeExtension('serverAuth'),
      alternativeNameExtension(...terms.hosts.map(hostName)),
      policyExtension(realmPolicyOid(terms.realm)),
      ...scopeExtensions(leafScope(issuer.scope)),
    ],
  });
}
