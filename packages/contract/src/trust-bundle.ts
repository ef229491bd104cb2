/**
 * A bundle of trust anchors: what a device of a realm may trust, and the CAs beneath it, in one versioned file that a root signs. It
 * trusts the pinned root and nothing that the bundle brings along; a later root comes in only by the word of one that is pinned.
 */

import { z } from 'zod';
import { hash, instant, realmName } from './audit/entry.ts';
import { concatBytes, fromBase64, toBase64, toUtf8 } from './bytes.ts';
import { canonicalJson, parseCanonicalJson } from './canonical-json.ts';
import { ImprintError, isImprintError } from './errors.ts';
import { limits } from './limits.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { verifySignature } from './x509/signature.ts';
import { verifyCa, verifyRoot } from './x509/verify-chain.ts';

const content = z.strictObject({
  format: z.literal('imprint-trust-bundle-v1'),
  realm: realmName,
  /** Goes up with every bundle of a realm; a device takes none that is not newer than the one that it has. */
  version: z.int().min(1),
  issued_at: instant,
  /** Roots, DER. */
  anchors_b64: z.array(z.base64()).min(1).max(4),
  /** CAs beneath them that certify devices, or did, DER. */
  intermediates_b64: z.array(z.base64()).max(limits.bundleCertificates),
});
export type TrustBundleContent = z.infer<typeof content>;

const bundle = content.extend({
  /** By the roots, each named by the SHA-256 of its certificate. */
  signatures: z
    .array(z.strictObject({ root_sha256: hash, signature_b64: z.base64() }))
    .min(1)
    .max(4),
});

export interface TrustBundle {
  version: number;
  issuedAt: string;
  anchors: Certificate[];
  intermediates: Certificate[];
}

/** What each root signs: no certificate, CRL or statement begins like this. */
export function bundleBytes(parts: TrustBundleContent): Uint8Array {
  return concatBytes(toUtf8('imprint trust bundle v1\n'), toUtf8(canonicalJson(parts)));
}

/** The text of a bundle from what it says and the roots' signatures over {@link bundleBytes}; canonical JSON and a newline. */
export function writeTrustBundle(
  parts: TrustBundleContent,
  signatures: readonly { rootSha256: string; signature: Uint8Array }[],
): string {
  const signed = signatures.map(({ rootSha256, signature }) => ({
    root_sha256: rootSha256,
    signature_b64: toBase64(signature),
  }));
  return `${canonicalJson({ ...parts, signatures: signed })}\n`;
}

export interface BundleTrust {
  /** The pinned root, DER. */
  root: Uint8Array;
  realm: TrustBundleContent['realm'];
  /** The version that the holder has already, where it has one. */
  newerThan?: number;
}

/**
 * What the bundle says, where the pinned root has signed it, it is of this realm and newer, each anchor is a root of this realm, and
 * each intermediate stands beneath one of them.
 *
 * @throws bundle_invalid (form, signature, version: `context.item`), realm_mismatch, certificate_refused
 */
export function verifyTrustBundle(text: string, { root, realm, newerThan = 0 }: BundleTrust): TrustBundle {
  const parsed = parse(text);
  const { signatures, ...parts } = parsed;
  if (parts.realm !== realm) {
    throw new ImprintError('realm_mismatch', `The bundle is of realm ${parts.realm}, not ${realm}.`, {
      hint: 'Take the bundle of this realm’s authority.',
    });
  }
  const pinned = parseCertificate(root);
  const own = signatures.find(({ root_sha256 }) => root_sha256 === pinned.sha256);
  if (own === undefined) throw invalid('signatures', 'The pinned root has not signed it.');
  if (
    !verifySignature(pinned.publicKey, bundleBytes(parts), fromBase64(own.signature_b64, 'bundle_invalid'))
  ) {
    throw invalid('signatures', 'The signature is not by the pinned root over this content.');
  }
  if (parts.version <= newerThan) {
    throw invalid('version', `It is version ${parts.version}, and version ${newerThan} is here already.`);
  }
  const at = parts.issued_at;
  const ders = (list: readonly string[]) => list.map((der) => fromBase64(der, 'bundle_invalid'));
  const anchorDers = ders(parts.anchors_b64);
  const anchors = anchorDers.map((der) => verifyRoot({ root: der, at, realm, branch: 'device' }));
  if (!anchors.some(({ sha256 }) => sha256 === pinned.sha256)) {
    // a root leaves only by the word of its successor, which whoever pins it cannot judge
    throw invalid('anchors_b64', 'The pinned root is not among its anchors.');
  }
  const intermediates = ders(parts.intermediates_b64).map((certificate) => {
    const { issuer } = parseCertificate(certificate);
    const above = anchors.findIndex(
      ({ subject }) => canonicalName(subject.der) === canonicalName(issuer.der),
    );
    if (above < 0) throw invalid('intermediates_b64', 'A CA stands beneath none of its anchors.');
    return verifyCa({ certificate, root: anchorDers[above]!, at, realm, branch: 'device' });
  });
  return { version: parts.version, issuedAt: at, anchors, intermediates };
}

const canonicalName = (der: Uint8Array) => toBase64(der);

function parse(text: string): z.infer<typeof bundle> {
  try {
    const body = text.endsWith('\n') ? text.slice(0, -1) : text;
    return bundle.parse(parseCanonicalJson(body, limits.bundleBytes));
  } catch (cause) {
    if (cause instanceof z.ZodError) {
      const issue = cause.issues[0]!;
      throw invalid(issue.path.join('.') || 'bundle', `${issue.message}.`, cause);
    }
    if (isImprintError(cause)) throw invalid('bundle', 'It is not canonical JSON under its cap.', cause);
    throw cause;
  }
}

function invalid(item: string, message: string, cause?: unknown): ImprintError {
  return new ImprintError('bundle_invalid', `This is no bundle to trust: ${message}`, {
    hint: 'Keep the bundle that is here, and fetch it again from the realm’s authority.',
    context: { item },
    ...(cause === undefined ? {} : { cause }),
  });
}
