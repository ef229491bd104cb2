/** Certificates for tests, each part open to change: the good chain, and through one changed field every bad one. It tests nothing itself. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { fromHex, toUtf8 } from '../bytes.ts';
import { type CertificateScope, encodeScope } from './ca-scope.ts';
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derImplicit,
  derInteger,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derTime,
  ia5Octets,
} from './der-writer.ts';
import { caSubject, encodeName } from './name.ts';
import { oid } from './oid.ts';
import { type KeyType, keyIdentifier, type PublicKey, parsePublicKey } from './public-key.ts';
import { realmPolicyOid } from './realm.ts';
import { signatureAlgorithm } from './signature.ts';

export interface KeyPair {
  type: KeyType;
  publicKey: PublicKey;
  privateKey: KeyObject;
}

export interface CertificateSpec {
  version: Uint8Array;
  serial: Uint8Array;
  innerAlgorithm?: Uint8Array;
  outerAlgorithm?: Uint8Array;
  issuer: Uint8Array;
  notBefore: Uint8Array;
  notAfter: Uint8Array;
  subject: Uint8Array;
  spki: Uint8Array;
  extensions: Uint8Array[];
  afterExtensions: Uint8Array;
  signer: KeyPair;
  changeSignature?: (signature: Uint8Array) => Uint8Array;
}

export function newKeyPair(type: KeyType): KeyPair {
  const pair =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: type === 'ec-p256' ? 'P-256' : 'P-384' });
  const spki = new Uint8Array(pair.publicKey.export({ format: 'der', type: 'spki' }));
  return { type, publicKey: parsePublicKey(spki), privateKey: pair.privateKey };
}

export function signWith(pair: KeyPair, message: Uint8Array): Uint8Array {
  const digest = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null }[pair.type];
  return new Uint8Array(sign(digest, message, pair.privateKey));
}

export function buildCertificate(spec: CertificateSpec): Uint8Array {
  const algorithm = signatureAlgorithm[spec.signer.type];
  const tbs = derSequence(
    spec.version,
    spec.serial,
    spec.innerAlgorithm ?? algorithm,
    spec.issuer,
    derSequence(spec.notBefore, spec.notAfter),
    spec.subject,
    spec.spki,
    ...(spec.extensions.length > 0 ? [derExplicit(3, derSequence(...spec.extensions))] : []),
    spec.afterExtensions,
  );
  const signature = signWith(spec.signer, tbs);
  return derSequence(
    tbs,
    spec.outerAlgorithm ?? algorithm,
    derBitString(spec.changeSignature?.(signature) ?? signature),
  );
}

export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return derSequence(derOid(id), ...(critical ? [derBoolean(true)] : []), derOctetString(value));
}

const nothing = new Uint8Array(0);

export const ext = {
  ca: (pathLength?: number, critical = true) =>
    extension(
      oid.basicConstraints,
      critical,
      derSequence(derBoolean(true), pathLength === undefined ? nothing : derInteger(pathLength)),
    ),
  notCa: (critical = true) => extension(oid.basicConstraints, critical, derSequence()),
  keyUsage: (bits: number[], critical = true) => extension(oid.keyUsage, critical, derNamedBits(...bits)),
  extendedKeyUsage: (...ids: string[]) =>
    extension(oid.extendedKeyUsage, false, derSequence(...ids.map(derOid))),
  subjectKey: (key: PublicKey) =>
    extension(oid.subjectKeyIdentifier, false, derOctetString(keyIdentifier(key))),
  authorityKey: (key: PublicKey) =>
    extension(oid.authorityKeyIdentifier, false, derSequence(derImplicit(0, keyIdentifier(key)))),
  policies: (...ids: string[]) =>
    extension(oid.certificatePolicies, false, derSequence(...ids.map((id) => derSequence(derOid(id))))),
  scope: (scope: CertificateScope) => extension(oid.scope, false, encodeScope(scope)),
  crlPoint: (url: string) =>
    extension(
      oid.crlDistributionPoints,
      false,
      derSequence(derSequence(derExplicit(0, derExplicit(0, altName.uri(url))))),
    ),
  infoAccess: (url: string, method: string = oid.ocspAccess) =>
    extension(oid.authorityInfoAccess, false, derSequence(derSequence(derOid(method), altName.uri(url)))),
  ocspNoCheck: () => extension(oid.ocspNoCheck, false, derNull),
  altNames: (...names: Uint8Array[]) => extension(oid.subjectAltName, false, derSequence(...names)),
};

export const altName = {
  uri: (text: string) => derImplicit(6, ia5Octets(text)),
  dns: (text: string) => derImplicit(2, ia5Octets(text)),
  ip: (hex: string) => derImplicit(7, fromHex(hex)),
  hardware: (typeOid: string, serial: Uint8Array, nameOid: string = oid.hardwareModuleName) =>
    derExplicit(0, derOid(nameOid), derExplicit(0, derSequence(derOid(typeOid), derElement(0x04, serial)))),
};

export const keys = {
  root: newKeyPair('ec-p384'),
  issuing: newKeyPair('ec-p256'),
  device: newKeyPair('ec-p256'),
  other: newKeyPair('ec-p256'),
};

const base = {
  version: derExplicit(0, derInteger(2)),
  notBefore: derTime('2026-01-01T00:00:00Z'),
  notAfter: derTime('9999-12-31T23:59:59Z'),
  afterExtensions: nothing,
};

/** Fresh specifications of the good chain in realm dev: root, issuing CA, device SN-00012345. */
export function goodSpecs(): { root: CertificateSpec; issuing: CertificateSpec; leaf: CertificateSpec } {
  const rootName = encodeName(caSubject('Example Works', 'dev', 'Device Root 1'));
  const issuingName = encodeName(caSubject('Example Works', 'dev', 'Device CA 1'));
  const policy = ext.policies(realmPolicyOid('dev'));
  return {
    root: {
      ...base,
      serial: derInteger(fromHex('a1b2c3d4e5f60718')),
      issuer: rootName,
      subject: rootName,
      spki: keys.root.publicKey.spki,
      extensions: [ext.ca(), ext.keyUsage([5, 6]), ext.subjectKey(keys.root.publicKey), policy],
      signer: keys.root,
    },
    issuing: {
      ...base,
      serial: derInteger(fromHex('01b2c3d4e5f60718')),
      issuer: rootName,
      subject: issuingName,
      spki: keys.issuing.publicKey.spki,
      extensions: [
        ext.ca(0),
        ext.keyUsage([5, 6]),
        ext.subjectKey(keys.issuing.publicKey),
        ext.authorityKey(keys.root.publicKey),
        policy,
      ],
      signer: keys.root,
    },
    leaf: {
      ...base,
      serial: derInteger(fromHex('11b2c3d4e5f60718')),
      issuer: issuingName,
      subject: encodeName([
        { type: 'serialNumber', value: 'SN-00012345' },
        { type: 'commonName', value: 'SN-00012345' },
      ]),
      spki: keys.device.publicKey.spki,
      extensions: [
        ext.notCa(),
        ext.keyUsage([0]),
        ext.extendedKeyUsage(oid.clientAuth),
        ext.authorityKey(keys.issuing.publicKey),
        policy,
        ext.altNames(
          altName.hardware('2.25.1', toUtf8('mcu:0011')),
          altName.uri('urn:imprint:dev:SN-00012345'),
        ),
      ],
      signer: keys.issuing,
    },
  };
}

export type ChainSpecs = ReturnType<typeof goodSpecs>;

/** Makes the good chain one of station S1, under CAs that certify stations. */
export function asStation(specs: ChainSpecs): void {
  nameCas(specs, 'Station Root', 'Station CA');
  specs.leaf.subject = encodeName([{ type: 'commonName', value: 'S1' }]);
  specs.leaf.extensions[5] = ext.altNames(altName.uri('urn:imprint:dev:station:S1'));
}

/** Makes it one of the authority's listener at localhost. */
export function asServer(specs: ChainSpecs): void {
  asStation(specs);
  specs.leaf.subject = encodeName([{ type: 'commonName', value: 'authority' }]);
  specs.leaf.extensions[2] = ext.extendedKeyUsage(oid.serverAuth);
  specs.leaf.extensions[5] = ext.altNames(
    altName.dns('localhost'),
    altName.ip('7f000001'),
    altName.ip(`${'00'.repeat(15)}01`),
  );
}

/** Makes it one of the key that answers OCSP for the devices' CA. */
export function asResponder(specs: ChainSpecs): void {
  specs.leaf.subject = encodeName([{ type: 'commonName', value: 'ocsp' }]);
  specs.leaf.extensions[2] = ext.extendedKeyUsage(oid.ocspSigning);
  specs.leaf.extensions[5] = ext.ocspNoCheck();
}

/** Gives both CAs other names, and those whom they certify the issuer that goes with it. */
export function nameCas({ root, issuing, leaf }: ChainSpecs, rootName: string, issuingName: string): void {
  root.subject = encodeName(caSubject('Example Works', 'dev', rootName));
  root.issuer = root.subject;
  issuing.issuer = root.subject;
  issuing.subject = encodeName(caSubject('Example Works', 'dev', issuingName));
  leaf.issuer = issuing.subject;
}

/** The DER of the good chain, after `change` has had its way with the specifications. */
export function buildChain(change?: (specs: ChainSpecs) => void): {
  root: Uint8Array;
  chain: Uint8Array[];
} {
  const specs = goodSpecs();
  change?.(specs);
  return {
    root: buildCertificate(specs.root),
    chain: [buildCertificate(specs.leaf), buildCertificate(specs.issuing)],
  };
}
