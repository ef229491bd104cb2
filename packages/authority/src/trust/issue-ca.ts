/**
 * Certificates of CAs: a root signs itself, and a root signs an intermediate for whatever key it is shown. Every CA is without end,
 * since the birth certificates beneath it are: an intermediate is retired by its signing years, not by notAfter.
 */
import { anyScope, type CaScope, scopeSaid } from '@imprint/contract/x509/ca-scope';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { caSubject, encodeName } from '@imprint/contract/x509/name';
import { keyIdentifier, parsePublicKey } from '@imprint/contract/x509/public-key';
import { type Realm, realmPolicyOid } from '@imprint/contract/x509/realm';
import { rootCrlUrl } from '../issuing/crl-partition.ts';
import type { Issuer } from '../issuing/issuer.ts';
import { forever } from '../issuing/profile.ts';
import { makeSerial } from '../issuing/serial.ts';
import * as tbs from '../issuing/tbs.ts';
import type { Signer } from '../signer/signer.ts';
import type { Entropy } from '../surroundings.ts';

/** What every certificate of a ceremony shares. */
export interface CaTerms {
  realm: Realm;
  organization: string;
  now: Date;
  entropy: Entropy;
  /** Below it the CRL of the root is told; absent, the certificates beneath the root do not say where. */
  publicUrl?: string | undefined;
}

/** The common name of the root of each branch: it says whom the CAs beneath certify. */
export const rootNames = { device: 'Device Root', station: 'Station Root' } as const;

/** DER of a new root, self-signed; one CA may stand beneath it. */
export function issueRoot(
  terms: CaTerms,
  branch: keyof typeof rootNames,
  signer: Signer,
): Promise<Uint8Array> {
  const subject = encodeName(caSubject(terms.organization, terms.realm, rootNames[branch]));
  const own = keyIdentifier(parsePublicKey(signer.spki));
  const parent = { signer, name: subject, keyIdentifier: own };
  return issueCa(terms, parent, { subject, spki: signer.spki, pathLength: 1, scope: anyScope });
}

/**
 * DER of an intermediate's certificate: no CA stands beneath it, and its scope stands in it.
 * @throws certificate_refused where name or organization are none that a certificate of ours can bear
 */
export function issueIntermediate(
  terms: CaTerms,
  { subject, scope }: { subject: string; scope: CaScope },
  parent: Issuer,
  spki: Uint8Array,
): Promise<Uint8Array> {
  return issueCa(
    terms,
    { signer: parent.signer, name: parent.certificate.subject.der, keyIdentifier: parent.keyIdentifier },
    {
      subject: encodeName(caSubject(terms.organization, terms.realm, subject)),
      spki,
      pathLength: 0,
      scope,
      crl: terms.publicUrl && rootCrlUrl(terms.publicUrl, parent.keyIdentifier),
    },
  );
}

/** The certificate of these parts, signed, and read back: the strict parser refuses here what no device would take later. */
export async function signCertificate(signer: Signer, parts: tbs.TbsParts): Promise<Uint8Array> {
  const bytes = tbs.encodeTbs(parts);
  return parseCertificate(tbs.encodeCertificate(bytes, signer.keyType, await signer.sign(bytes))).der;
}

function issueCa(
  { realm, now, entropy }: CaTerms,
  parent: { signer: Signer; name: Uint8Array; keyIdentifier: Uint8Array },
  ca: { subject: Uint8Array; spki: Uint8Array; pathLength: number; scope: CaScope; crl?: string | undefined },
): Promise<Uint8Array> {
  return signCertificate(parent.signer, {
    serial: makeSerial(now, entropy),
    signerKeyType: parent.signer.keyType,
    issuer: parent.name,
    subject: ca.subject,
    notBefore: now.toISOString(),
    notAfter: forever,
    spki: ca.spki,
    extensions: [
      tbs.subjectKeyExtension(keyIdentifier(parsePublicKey(ca.spki))),
      tbs.authorityKeyExtension(parent.keyIdentifier),
      tbs.caUsage,
      tbs.caExtension(ca.pathLength),
      tbs.policyExtension(realmPolicyOid(realm)),
      ...tbs.scopeExtensions(scopeSaid(ca.scope)),
      ...(ca.crl === undefined ? [] : [tbs.crlExtension(ca.crl)]),
    ],
  });
}
