/**
 * Makes a realm's trust: the root that devices pin with the CA that certifies them, the root that stations pin with the
 * CA that certifies them and the authority's listeners, and the log's key. The two trees never meet, so that no station's
 * certificate passes for a device's.
 */
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { encodeName } from '@imprint/contract/x509/name';
import { parsePublicKey } from '@imprint/contract/x509/public-key';
import { type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import { alwaysHosts, hostName } from '../issuing/host-name.ts';
import { type Issuer, openIssuer } from '../issuing/issuer.ts';
import { addDays, beginOfValidity } from '../issuing/profile.ts';
import { makeSerial } from '../issuing/serial.ts';
import * as tbs from '../issuing/tbs.ts';
import type { Signer } from '../signer/signer.ts';
import type { Entropy, KeyMaker } from '../surroundings.ts';
import { firstCa } from './ca-request.ts';
import { issueIntermediate, issueRoot, signCertificate } from './issue-ca.ts';

/** Names of the keys in the keys folder. A CA's key has the name of the CA; these two are the first ones. */
export const keyNames = {
  root: 'device-root',
  issuing: 'device-issuing',
  stationRoot: 'station-root',
  stationCa: 'station-issuing',
  server: 'server-tls',
  log: 'log',
  /** Hides the badges in the database; it signs nothing. */
  badges: 'badges',
  /** Seals second factors and secrets of configuration in the database; it signs nothing. */
  secondFactors: 'second-factors',
} as const;

export interface HierarchyRequest {
  realm: Realm;
  organization: string;
  /** Names and addresses under which the authority is reached, beside localhost, 127.0.0.1 and ::1. */
  hosts: readonly string[];
  /** Below it the CRLs of the roots are told. */
  publicUrl?: string | undefined;
  now: Date;
  entropy: Entropy;
  makeKey: KeyMaker;
  /** Signs with a key that `makeKey` made. */
  openSigner: (key: KeyObject) => Signer;
}

/** Certificates as DER. */
export interface HierarchyCertificates {
  /** What devices pin. */
  root: Uint8Array;
  /** Issues to devices: no CA beneath it. */
  issuing: Uint8Array;
  /** What stations pin. */
  stationRoot: Uint8Array;
  /** Issues to stations and to the authority's listeners. */
  stationCa: Uint8Array;
  server: Uint8Array;
}

export interface Hierarchy {
  certificates: HierarchyCertificates;
  /** To be sealed in the keys folder under {@link keyNames}. */
  keys: Record<keyof typeof keyNames, KeyObject>;
  /** 32 bytes: the Ed25519 key under which checkpoints are verified. */
  logPublicKey: Uint8Array;
}

export type HierarchyAround = Omit<Hierarchy, 'keys'> & { keys: Omit<Hierarchy['keys'], 'issuing'> };

/** A year bounds a stolen key; {@link issueServerCertificate} makes the successor, and stations see no difference. */
export const serverDays = 365;
const serverSkewMs = 5 * 60_000;

/**
 * A new hierarchy: every CA is P-256 and without end, since the birth certificates beneath it are (an intermediate is
 * retired by its signing years, not by notAfter). Every certificate is read back by the contract's strict parser.
 */
export async function createHierarchy(request: HierarchyRequest): Promise<Hierarchy> {
  const issuing = request.makeKey('ec-p256');
  const made = await createHierarchyAround(request, request.openSigner(issuing));
  return { ...made, keys: { ...made.keys, issuing } };
}

/** The same for an issuing key that is elsewhere, such as in an HSM, and of which only the signer is known. */
export async function createHierarchyAround(
  request: HierarchyRequest,
  issuingSigner: Signer,
): Promise<HierarchyAround> {
  const keys = {
    root: request.makeKey('ec-p256'),
    stationRoot: request.makeKey('ec-p256'),
    stationCa: request.makeKey('ec-p256'),
    server: request.makeKey('ec-p256'),
    log: request.makeKey('ed25519'),
    badges: request.makeKey('ed25519'),
    secondFactors: request.makeKey('ed25519'),
  };
  const signers = {
    root: request.openSigner(keys.root),
    issuing: issuingSigner,
    stationRoot: request.openSigner(keys.stationRoot),
    stationCa: request.openSigner(keys.stationCa),
    server: request.openSigner(keys.server),
  };
  const { realm } = request;
  const root = await issueRoot(request, 'device', signers.root);
  const stationRoot = await issueRoot(request, 'station', signers.stationRoot);
  const issue = async (caId: string, parent: Uint8Array, parentSigner: Signer, signer: Signer) =>
    openIssuer(
      await issueIntermediate(request, firstCa(caId), openIssuer(parent, parentSigner, realm), signer.spki),
      signer,
      realm,
    );
  const issuing = await issue(keyNames.issuing, root, signers.root, signers.issuing);
  const stationCa = await issue(keyNames.stationCa, stationRoot, signers.stationRoot, signers.stationCa);
  const server = await issueServerCertificate({ ...request, spki: signers.server.spki }, stationCa);
  return {
    certificates: {
      root,
      issuing: issuing.certificate.der,
      stationRoot,
      stationCa: stationCa.certificate.der,
      server,
    },
    keys,
    logPublicKey: rawEd25519(keys.log),
  };
}

/** What the log is named by in statements and receipts: SHA-256 of its public key, hex. */
export function logId(logPublicKey: Uint8Array): string {
  return hash('sha256', logPublicKey, 'hex');
}

/** The 32 bytes of an Ed25519 key's public half. */
export function rawEd25519(key: KeyObject): Uint8Array {
  return parsePublicKey(createPublicKey(key).export({ format: 'der', type: 'spki' })).raw;
}

/** The certificate of the authority's TLS listeners, for a year. Also for its renewal. */
export async function issueServerCertificate(
  request: Pick<HierarchyRequest, 'realm' | 'organization' | 'hosts' | 'now' | 'entropy'> & {
    spki: Uint8Array;
  },
  stationCa: Issuer,
): Promise<Uint8Array> {
  const hosts = [...new Set([...alwaysHosts, ...request.hosts])];
  const notBefore = beginOfValidity(request.now, serverSkewMs, stationCa);
  return signCertificate(stationCa.signer, {
    serial: makeSerial(request.now, request.entropy),
    signerKeyType: stationCa.signer.keyType,
    issuer: stationCa.certificate.subject.der,
    subject: encodeName([
      { type: 'organization', value: request.organization },
      { type: 'commonName', value: `imprint authority ${request.realm}` },
    ]),
    notBefore: notBefore.toISOString(),
    notAfter: addDays(notBefore, serverDays),
    spki: request.spki,
    extensions: [
      tbs.authorityKeyExtension(stationCa.keyIdentifier),
      tbs.signingUsage,
      tbs.notCaExtension,
      tbs.purposeExtension('serverAuth'),
      tbs.alternativeNameExtension(...hosts.map(hostName)),
      tbs.policyExtension(realmPolicyOid(request.realm)),
    ],
  });
}
