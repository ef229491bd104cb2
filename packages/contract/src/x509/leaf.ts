/**
 * The six leaf profiles: a device's birth certificate (IEEE 802.1AR IDevID), its operational one (LDevID), a station's, the authority's own
 * server certificates, one in the branch of stations and one in that of devices, and that of the key with which it answers OCSP. It looks
 * at the leaf alone: its chain is verified before (verify-chain.ts, TLS), or it is not signed yet (the lint).
 */

import type { Certificate } from './certificate.ts';
import type { HardwareModule, SubjectAltName } from './extensions.ts';
import { nameValue } from './name.ts';
import { oid } from './oid.ts';
import type { PublicKey } from './public-key.ts';
import { deviceUri, operationalPolicyOid, type Realm, realmUnit, stationUri } from './realm.ts';
import { refusal } from './refusal.ts';

/** `device` is the birth certificate: who asks for one is not content with the other. */
export type LeafPurpose = 'device' | 'operational' | 'station' | 'server' | 'device-server' | 'responder';

export interface VerifiedLeaf {
  purpose: LeafPurpose;
  realm: Realm;
  /** Device ID, station ID, or the common name of server or responder. */
  id: string;
  certificate: Certificate;
  publicKey: PublicKey;
  /** The hardware that a device's certificate names, where it does. */
  hardwareModule?: HardwareModule;
  /** Of a server only; empty elsewhere. */
  dnsNames: string[];
  ipAddresses: string[];
}

const usageOf: Record<LeafPurpose, string> = {
  device: oid.clientAuth,
  operational: oid.clientAuth,
  station: oid.clientAuth,
  server: oid.serverAuth,
  'device-server': oid.serverAuth,
  responder: oid.ocspSigning,
};
const isDevice = (purpose: LeafPurpose) => purpose === 'device' || purpose === 'operational';
const noNames: SubjectAltName = { hardwareModules: [], uris: [], dnsNames: [], ipAddresses: [] };

/** Checks the leaf against the profile of `purpose`; `certificate_refused` where it deviates. */
export function checkLeaf(leaf: Certificate, purpose: LeafPurpose, realm: Realm): VerifiedLeaf {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectKeyIdentifier, subjectAltName } =
    leaf.extensions;
  if (basicConstraints === undefined) throw refusal('extension_missing', { extension: 'basicConstraints' });
  if (basicConstraints.ca) throw refusal('extension_value_wrong', { extension: 'basicConstraints' });
  if (keyUsage?.length !== 1 || keyUsage[0] !== 'digitalSignature') throw refusal('key_usage_wrong');
  if (extendedKeyUsage?.length !== 1 || extendedKeyUsage[0] !== usageOf[purpose])
    throw refusal('purpose_wrong', { purpose });
  const isOperational = leaf.extensions.policies?.includes(operationalPolicyOid) === true;
  if (isOperational !== (purpose === 'operational')) throw refusal('purpose_wrong', { purpose });
  if ((subjectAltName !== undefined) !== (purpose !== 'responder')) {
    throw refusal(subjectAltName === undefined ? 'extension_missing' : 'extension_not_in_profile', {
      extension: 'subjectAltName',
    });
  }
  checkRevocation(leaf, purpose);
  // IEEE 802.1AR advises against it on a leaf, and our device profiles have none
  if (isDevice(purpose) && subjectKeyIdentifier !== undefined) throw refusal('extension_not_in_profile');
  const unit = nameValue(leaf.subject, 'organizationalUnit');
  if (unit !== undefined && /^imprint realm /i.test(unit) && unit !== realmUnit(realm))
    throw refusal('realm_mismatch', { unit, realm });

  const id = nameValue(leaf.subject, 'commonName');
  if (id === undefined) throw refusal('subject_wrong');
  checkSerialNumber(leaf, purpose, id);
  if (subjectAltName !== undefined) checkNames(subjectAltName, purpose, realm, id);
  const { hardwareModules, dnsNames, ipAddresses } = subjectAltName ?? noNames;
  const [hardwareModule] = hardwareModules;
  return {
    purpose,
    realm,
    id,
    certificate: leaf,
    publicKey: leaf.publicKey,
    ...(hardwareModule === undefined ? {} : { hardwareModule }),
    dnsNames,
    ipAddresses,
  };
}

/** Where its revocation is told stands in a device's certificate, CRL and OCSP or neither; a responder's is not asked about, and no other's. */
function checkRevocation({ extensions }: Certificate, purpose: LeafPurpose): void {
  const { crlDistributionPoints, authorityInfoAccess, ocspNoCheck } = extensions;
  const tells = crlDistributionPoints !== undefined;
  if (tells !== (authorityInfoAccess !== undefined)) {
    throw refusal('extension_missing', {
      extension: tells ? 'authorityInfoAccess' : 'crlDistributionPoints',
    });
  }
  if (tells && !isDevice(purpose)) {
    throw refusal('extension_not_in_profile', { extension: 'crlDistributionPoints' });
  }
  if ((ocspNoCheck === true) !== (purpose === 'responder')) {
    throw refusal(ocspNoCheck ? 'extension_not_in_profile' : 'extension_missing', {
      extension: 'ocspNoCheck',
    });
  }
}

/** A device's ID stands in serialNumber and CN alike; nothing else has a serialNumber. */
function checkSerialNumber(leaf: Certificate, purpose: LeafPurpose, id: string): void {
  const serialNumber = nameValue(leaf.subject, 'serialNumber');
  if (serialNumber !== (isDevice(purpose) ? id : undefined)) throw refusal('subject_wrong', { purpose });
  // `station:` would make the device's URI that of a station
  const isPlain = /^[A-Za-z0-9._:-]{1,64}$/.test(id) && !id.startsWith('station:');
  if ((isDevice(purpose) || purpose === 'station') && !isPlain) throw refusal('subject_wrong', { purpose });
}

function checkNames(names: SubjectAltName, purpose: LeafPurpose, realm: Realm, id: string): void {
  const { hardwareModules, uris, dnsNames, ipAddresses } = names;
  if (purpose === 'server' || purpose === 'device-server') {
    if (dnsNames.length + ipAddresses.length === 0 || uris.length > 0 || hardwareModules.length > 0) {
      throw refusal('subject_alt_name_wrong');
    }
    return;
  }
  const uri = isDevice(purpose) ? deviceUri(realm, id) : stationUri(realm, id);
  if (uris.length !== 1 || dnsNames.length + ipAddresses.length > 0) throw refusal('subject_alt_name_wrong');
  if (uris[0] !== uri) {
    const otherRealm = /^urn:imprint:(dev|test|prod):/.exec(uris[0]!)?.[1];
    throw refusal(
      otherRealm !== undefined && otherRealm !== realm ? 'realm_mismatch' : 'subject_alt_name_wrong',
    );
  }
  if (hardwareModules.length > (isDevice(purpose) ? 1 : 0)) throw refusal('subject_alt_name_wrong');
}
