/**
 * What firmware checks of certificates before it stores them: signature by signature up to the anchor that it holds.
 * It stands on OpenSSL (`node:crypto`), and it trusts neither station nor authority.
 */
import { X509Certificate } from 'node:crypto';
import { limits } from '@imprint/contract/limits';

const block = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*/gy;

/** Texts that were read, the newest last: a unit reads its own again at every status, and all hold the same chain. */
const known = new Map<string, X509Certificate[] | undefined>();
const keptTexts = 256;

/** The certificates of a PEM text, in its order; undefined where anything else stands in it. */
export function readCertificates(pem: string): X509Certificate[] | undefined {
  if (!known.has(pem)) {
    if (known.size >= keptTexts) known.delete(known.keys().next().value!);
    known.set(pem, parseCertificates(pem));
  }
  return known.get(pem);
}

function parseCertificates(pem: string): X509Certificate[] | undefined {
  const found: X509Certificate[] = [];
  block.lastIndex = 0;
  try {
    while (block.lastIndex < pem.length) {
      const match = block.exec(pem);
      if (!match || found.length > limits.chainCertificates) return undefined;
      const certificate = new X509Certificate(match[0]);
      if (certificate.raw.length > limits.certificateBytes) return undefined;
      found.push(certificate);
    }
  } catch {
    return undefined;
  }
  return found;
}

/** True where the leaf is signed by the first of the chain, each by the next, and the last is the anchor or signed by it. */
export function chainsTo(anchor: X509Certificate, leaf: X509Certificate, chain: X509Certificate[]): boolean {
  let current = leaf;
  for (const issuer of chain) {
    if (!isSignedBy(current, issuer)) return false;
    current = issuer;
  }
  return current.raw.equals(anchor.raw) ? current !== leaf : isSignedBy(current, anchor);
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** SubjectPublicKeyInfo, DER. */
export function subjectPublicKey(certificate: X509Certificate): Uint8Array {
  return new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' }));
}

/** The subject's serialNumber attributes (2.5.4.5). */
export function subjectSerialNumbers(certificate: X509Certificate): string[] {
  const { serialNumber } = certificate.toLegacyObject().subject as { serialNumber?: string | string[] };
  return serialNumber === undefined ? [] : [serialNumber].flat();
}
