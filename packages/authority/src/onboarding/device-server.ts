/**
 * The key under which devices reach this process: made here, never written anywhere, and certified beneath the root that devices pin
 * for as long as it takes until the next one.
 */
import type { KeyObject } from 'node:crypto';
import { toPem } from '@imprint/contract/x509/pem';
import { type CertifyCore, certifyProcessKey } from '../issuing/certify-process-key.ts';
import { alwaysHosts } from '../issuing/host-name.ts';
import { prepareDeviceServer } from '../issuing/prepare.ts';
import { deviceServerProfile } from '../issuing/server-profile.ts';
import type { KeyMaker } from '../surroundings.ts';
import type { Issuers } from '../trust/issuers.ts';

export interface DeviceServerCore extends Omit<CertifyCore, 'newSigner'> {
  issuers: Issuers;
  makeKey: KeyMaker;
  /** SubjectPublicKeyInfo (DER) of a key. */
  spkiOf: (key: KeyObject) => Uint8Array;
  /** Names and addresses under which devices reach the authority, beside those of this machine. */
  hosts: readonly string[];
}

export interface DeviceServerIdentity {
  key: KeyObject;
  /** The certificate and the CA above it, PEM; the root is what devices have. */
  certificateChainPem: string;
  issuerSha256: string;
  /** When the next one is to be made: at half of its life. */
  renewAtMs: number;
}

/** @throws ca_missing, and as {@link certifyProcessKey} */
export async function certifyDeviceServer(core: DeviceServerCore, now: Date): Promise<DeviceServerIdentity> {
  const issuer = await core.issuers.forDeviceServer(core.ledger.reader, now.getUTCFullYear());
  const key = core.makeKey('ec-p256');
  const hosts = [...new Set([...alwaysHosts, ...core.hosts])];
  const profile = deviceServerProfile(core.organization, issuer.realm, hosts);
  const { certificate, notAfter } = await certifyProcessKey(core, 'server', issuer, (serial, at) =>
    prepareDeviceServer(issuer, profile, core.spkiOf(key), serial, at),
  );
  const chain = [certificate, issuer.certificate.der].map((der) => toPem('CERTIFICATE', der));
  return {
    key,
    certificateChainPem: chain.join(''),
    issuerSha256: issuer.certificate.sha256,
    renewAtMs: now.getTime() + (Date.parse(notAfter) - now.getTime()) / 2,
  };
}
