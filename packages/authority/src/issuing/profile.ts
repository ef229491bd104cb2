/**
 * What a device's certificate says, of birth (IDevID) or operational (LDevID), from contract and registry alone (I-6), after IEEE 802.1AR. Pure: the same
 * input gives the same bytes, and the profile has a hash that an intent pins (I-13).
 */
import { toHex, toUtf8 } from '@imprint/contract/bytes';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import type { KeyType, ProvisioningContract } from '@imprint/contract/provisioning-contract';
import { leafScope } from '@imprint/contract/x509/ca-scope';
import { derOid } from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { deviceUri, operationalPolicyOid, type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import { crlUrl, ocspUrl, partitionOf } from './crl-partition.ts';
import { type Issuer, type IssuerRevocation, oneCrl } from './issuer.ts';
import {
  alternativeNameExtension,
  authorityKeyExtension,
  crlExtension,
  encodeTbs,
  hardwareModuleName,
  notCaExtension,
  ocspExtension,
  policyExtension,
  purposeExtension,
  scopeExtensions,
  signingUsage,
  uriName,
} from './tbs.ts';

export type DeviceProfileName = 'idevid' | 'ldevid';

/** The terms of a profile in the form that is hashed. `v` changes whenever {@link buildDeviceTbs} writes anything else for the same terms. */
export interface DeviceTerms {
  v: 1;
  profile: DeviceProfileName;
  realm: Realm;
  organization: string;
  key_type: KeyType;
  validity: 'forever' | { days: number };
  skew_minutes: number;
  hardware_type_oid: string;
  /** Where certificates say that their revocation is told; absent, they do not say it. */
  revocation?: { public_url: string; crl_partitions: number };
}

export interface DeviceProfile {
  readonly terms: DeviceTerms;
  /** `terms.hardware_type_oid`, DER. */
  readonly hardwareType: Uint8Array;
  /** SHA-256 over the canonical JSON of the terms, hex. */
  readonly sha256: string;
}

export interface DeviceFacts {
  deviceId: string;
  /** Of its contract, and the site of the station that makes it: what its issuer's scope is held against (I-9). */
  product: string;
  site: string;
  /** The canonical text of the unit's hardware UID. */
  hardwareUid: string;
  /** Type and SubjectPublicKeyInfo (DER) of a request whose proof held. */
  keyType: KeyType;
  spki: Uint8Array;
}

/** IEEE 802.1AR section 8.7, RFC 5280 section 4.1.2.5: no well-defined end. */
export const forever = '9999-12-31T23:59:59.000Z';
const dayMs = 86_400_000;

// an object identifier costs as much as all the rest of an extension
const clientPurpose = purposeExtension('clientAuth');
const policies = (...more: string[]): Record<Realm, Uint8Array> => ({
  dev: policyExtension(realmPolicyOid('dev'), ...more),
  test: policyExtension(realmPolicyOid('test'), ...more),
  prod: policyExtension(realmPolicyOid('prod'), ...more),
});
const policiesOf: Record<DeviceProfileName, Record<Realm, Uint8Array>> = {
  idevid: policies(),
  ldevid: policies(operationalPolicyOid),
};

/**
 * The profile of a contract's credential in a realm, under a CA that tells so of revocation.
 * @throws not_authorized where the contract has no operational credential
 */
export function deviceProfile(
  contract: ProvisioningContract,
  realm: Realm,
  { publicUrl, crlPartitions }: IssuerRevocation = oneCrl,
  name: DeviceProfileName = 'idevid',
): DeviceProfile {
  const { profile } = contract.credential;
  const terms: DeviceTerms = {
    v: 1,
    profile: name,
    realm,
    organization: profile.organization,
    ...keyAndValidity(contract, name),
    skew_minutes: profile.skew_minutes,
    hardware_type_oid: profile.hardware_type_oid,
    ...(publicUrl === undefined
      ? {}
      : { revocation: { public_url: publicUrl, crl_partitions: crlPartitions } }),
  };
  return profileOf(terms);
}

function keyAndValidity(
  { product, credential, operational }: ProvisioningContract,
  name: DeviceProfileName,
): Pick<DeviceTerms, 'key_type' | 'validity'> {
  const { key_type, profile } = credential;
  if (name === 'idevid') {
    const { validity } = profile;
    return { key_type, validity: validity === 'forever' ? validity : { days: validity.days } };
  }
  if (operational === undefined) {
    throw new ImprintError('not_authorized', `the contract of ${product} has no operational credential`, {
      hint: 'Such a device lives with its birth certificate; a contract with a section operational has more.',
    });
  }
  return { key_type: operational.key_type ?? key_type, validity: { days: operational.validity_days } };
}

export function profileOf(terms: DeviceTerms): DeviceProfile {
  return { terms, hardwareType: derOid(terms.hardware_type_oid), sha256: profileSha256(terms) };
}

/** SHA-256 over the canonical JSON of a profile's terms, hex: what an intent pins (I-13). */
export function profileSha256(terms: object): string {
  return sha256Hex(new TextEncoder().encode(canonicalJson({ ...terms } as never)));
}

/**
 * The TBSCertificate of a device.
 * @throws bad_request where the device ID holds a character (such as `_`) that the subject's serialNumber cannot carry
 */
export function buildDeviceTbs(
  issuer: Issuer,
  profile: DeviceProfile,
  facts: DeviceFacts,
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
      { type: 'commonName', value: facts.deviceId },
      { type: 'serialNumber', value: facts.deviceId },
    ]),
    notBefore: notBefore.toISOString(),
    notAfter: terms.validity === 'forever' ? forever : addDays(notBefore, terms.validity.days),
    spki: facts.spki,
    extensions: [
      authorityKeyExtension(issuer.keyIdentifier),
      signingUsage,
      notCaExtension,
      clientPurpose,
      alternativeNameExtension(
        hardwareModuleName(profile.hardwareType, toUtf8(facts.hardwareUid)),
        uriName(deviceUri(terms.realm, facts.deviceId)),
      ),
      policiesOf[terms.profile][terms.realm],
      ...scopeExtensions(leafScope(issuer.scope)),
      ...revocationExtensions(issuer, terms, serial),
    ],
  });
}

function revocationExtensions(
  { keyIdentifier }: Issuer,
  { revocation }: DeviceTerms,
  serial: Uint8Array,
): Uint8Array[] {
  if (revocation === undefined) return [];
  const { public_url, crl_partitions } = revocation;
  const partition = partitionOf(toHex(serial), crl_partitions);
  return [crlExtension(crlUrl(public_url, keyIdentifier, partition)), ocspExtension(ocspUrl(public_url))];
}

/**
 * notBefore: the skew before now, so that a unit whose clock is late takes its certificate, but not before its issuer's, nor
 * before the year in which its issuer signs, and never after now (I-8). Whole seconds, as certificates have them.
 */
export function beginOfValidity(now: Date, skewMs: number, issuer: Issuer): Date {
  const { year } = issuer.scope;
  const earliest = Math.max(
    now.getTime() - skewMs,
    Date.parse(issuer.certificate.notBefore),
    year === null ? 0 : Date.UTC(year, 0, 1),
  );
  const begin = Math.floor(earliest / 1000) * 1000;
  if (begin <= now.getTime()) return new Date(begin);
  throw new ImprintError('clock_untrusted', 'The clock is before the beginning of the CA certificate.', {
    hint: "Set the authority's clock; it must be right before anything is issued.",
    context: { now: now.toISOString(), notBefore: issuer.certificate.notBefore },
  });
}

export function addDays(begin: Date, days: number): string {
  return new Date(begin.getTime() + days * dayMs).toISOString();
}
