/**
 * Whether what came back from an enrolment is this device's next certificate: for the key that it asked with, for its own ID, and in a
 * chain that the strict verifier takes beneath a root that the device holds. Only then does it take the place of anything.
 */
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { type Certificate, parseCertificate } from '@imprint/contract/x509/certificate';
import type { Realm } from '@imprint/contract/x509/realm';
import { verifyChain } from '@imprint/contract/x509/verify-chain';

export interface Expected {
  deviceId: string;
  profile: 'idevid' | 'ldevid';
  realm: Realm;
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array;
  /** DER of the roots. */
  anchors: readonly Uint8Array[];
  at: Date;
}

/**
 * The chain (DER, the certificate first, without its root) of the certificate for this key among those that came.
 * @param known CAs that the device has besides, DER
 * @throws certificate_refused
 */
export function acceptCertificate(
  came: readonly Uint8Array[],
  known: readonly Uint8Array[],
  expected: Expected,
): Uint8Array[] {
  const certificates = came.map(parseCertificate);
  const leaf = certificates.find(({ publicKey }) => equalBytes(publicKey.spki, expected.spki));
  if (leaf === undefined) throw refused('none of the certificates is for the key that was asked with');
  const cas = [...certificates, ...known.map(parseCertificate)].filter(
    ({ der }) => !equalBytes(der, leaf.der),
  );
  const chain = [leaf, ...issuerOf(leaf, cas)].map(({ der }) => der);
  const deviceId = verifiedUnderAny(chain, expected);
  if (deviceId === expected.deviceId) return chain;
  throw refused(`it is for ${deviceId}`);
}

/** The id that a chain certifies, beneath the first root that it stands under. @throws certificate_refused */
function verifiedUnderAny(
  chain: readonly Uint8Array[],
  { anchors, realm, at, profile }: Expected,
): string | undefined {
  let last: unknown;
  for (const root of anchors) {
    try {
      return verifyChain({ chain, root, at, realm, purpose: profile === 'idevid' ? 'device' : 'operational' })
        .id;
    } catch (error) {
      if (!isImprintError(error, 'certificate_refused')) throw error;
      last = error;
    }
  }
  throw last;
}

/** The CA that has signed it, by name and key identifier; none where it is not among them, which the verifier refuses. */
function issuerOf({ issuer, extensions }: Certificate, cas: readonly Certificate[]): Certificate[] {
  const found = cas.find(
    (ca) =>
      equalBytes(ca.subject.der, issuer.der) &&
      equalBytes(ca.extensions.subjectKeyIdentifier ?? none, extensions.authorityKeyIdentifier ?? none),
  );
  return found === undefined ? [] : [found];
}

const none = new Uint8Array(0);

function refused(what: string): ImprintError {
  return new ImprintError('certificate_refused', `The certificate is not taken: ${what}.`, {
    hint: 'The old one stays. Look at the authority: it has answered with another one than was asked for.',
  });
}
