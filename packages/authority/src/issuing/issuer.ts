/** A CA that issues: its certificate, checked once, and the port to its key. It never issues for another realm. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { type CaScope, scopeOfCa } from '@imprint/contract/x509/ca-scope';
import { type Certificate, parseCertificate } from '@imprint/contract/x509/certificate';
import { type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import type { Signer } from '../signer/signer.ts';
import { requirePartitions } from './crl-partition.ts';

/** How a CA tells of what it revoked. */
export interface IssuerRevocation {
  /** A power of two, for ever the same: certificates name their partition's CRL. */
  readonly crlPartitions: number;
  /** Below it the public listener is reached; absent, certificates do not say where to look. */
  readonly publicUrl?: string | undefined;
}

export interface Issuer {
  readonly realm: Realm;
  readonly certificate: Certificate;
  /** What its certificate binds it to (I-9). */
  readonly scope: CaScope;
  /** The subject key identifier: what leaves name as their authority's key. */
  readonly keyIdentifier: Uint8Array;
  /** The same public key as the certificate's, imported once. */
  readonly publicKey: KeyObject;
  readonly signer: Signer;
  readonly revocation: IssuerRevocation;
}

/** One complete list, which nothing points at. */
export const oneCrl: IssuerRevocation = { crlPartitions: 1 };

/**
 * The issuer of a CA certificate (DER) and its key.
 * @throws certificate_refused where the certificate is no CA's of this realm; key_locked where the key is another's
 */
export function openIssuer(
  der: Uint8Array,
  signer: Signer,
  realm: Realm,
  revocation: IssuerRevocation = oneCrl,
): Issuer {
  const certificate = parseCertificate(der);
  const { basicConstraints, keyUsage, policies, subjectKeyIdentifier } = certificate.extensions;
  if (!basicConstraints?.ca || !keyUsage?.includes('keyCertSign') || subjectKeyIdentifier === undefined) {
    throw new ImprintError('certificate_refused', 'The certificate is not that of a CA.', {
      hint: 'Name the certificate of an issuing CA that `imprint init` or a ceremony made.',
    });
  }
  if (policies?.length !== 1 || policies[0] !== realmPolicyOid(realm)) {
    throw new ImprintError('certificate_refused', `The CA is not of the realm ${realm}.`, {
      hint: 'Each realm has CAs of its own: open the one that belongs to this realm.',
    });
  }
  if (!equalBytes(signer.spki, certificate.publicKey.spki)) {
    throw new ImprintError('key_locked', 'The signing key is not that of the CA certificate.', {
      hint: 'Check that keys folder and data folder belong together.',
    });
  }
  const publicKey = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' });
  requirePartitions(revocation.crlPartitions);
  return {
    realm,
    certificate,
    scope: scopeOfCa(certificate),
    keyIdentifier: subjectKeyIdentifier,
    publicKey,
    signer,
    revocation,
  };
}
