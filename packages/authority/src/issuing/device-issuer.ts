/** The CA that certifies devices, with the chain that travels to them: the intermediate; the root is their trust anchor. */
import { sha256Hex } from '@imprint/contract/hash';
import { toPem } from '@imprint/contract/x509/pem';
import type { Issuer } from './issuer.ts';

export interface DeviceIssuer {
  issuer: Issuer;
  chainPem: string;
  /** SHA-256 over the DER certificates of the chain, one after another. */
  chainSha256: string;
}

export function deviceIssuer(issuer: Issuer): DeviceIssuer {
  const { der } = issuer.certificate;
  return { issuer, chainPem: toPem('CERTIFICATE', der), chainSha256: sha256Hex(der) };
}
