/**
 * The file that carries a CA's request to its root: what the CA is to be, and a PKCS #10 request for its key. The key signs all of it,
 * so that nobody on the way gives the key another scope. What is signed begins with a text that no certificate begins with.
 */
import {
  caId,
  caKind,
  caScope,
  crlPartitions,
  hash,
  instant,
  realmName,
} from '@imprint/contract/audit/entry';
import { concatBytes, fromBase64, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { canonicalJson, parseCanonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { derBitString, derExplicit, derInteger, derSequence } from '@imprint/contract/x509/der-writer';
import { caSubject, encodeName } from '@imprint/contract/x509/name';
import { type PublicKey, parsePublicKey } from '@imprint/contract/x509/public-key';
import { isRevocationUrl } from '@imprint/contract/x509/revocation-url';
import { signatureAlgorithm, verifySignature } from '@imprint/contract/x509/signature';
import { z } from 'zod';
import { readCertificationRequest } from '../issuing/certification-request.ts';
import type { Signer } from '../signer/signer.ts';
import { type CaRequest, caNamed } from './ca-request.ts';

const requestFile = z.strictObject({
  format: z.literal('imprint-ca-request-v1'),
  realm: realmName,
  organization: z.string().min(1).max(64),
  /** Of the authority that asks. */
  log_id: hash,
  made_at: instant,
  /** Below it the root's CRL is told, and the CA's certificate is to say so; absent, it says nothing. */
  public_url: z.optional(z.string().refine(isRevocationUrl)),
  ca_id: caId,
  kind: caKind,
  subject: z.string().min(1).max(64),
  scope: caScope,
  crl_partitions: crlPartitions,
  replaces: z.nullable(caId),
  csr_b64: z.base64(),
  signature_b64: z.base64(),
});
type RequestFile = z.infer<typeof requestFile>;

/** Who asks, beside what for. */
export type RequestOrigin = Pick<RequestFile, 'realm' | 'organization' | 'log_id' | 'made_at' | 'public_url'>;

export type CaRequestFile = Omit<RequestFile, 'csr_b64' | 'signature_b64'> & {
  publicKey: PublicKey;
  public_key_sha256: string;
  /** SHA-256 of the file, hex: what people compare on paper. */
  fingerprint: string;
};

const context = 'imprint ca request v1\n';
const signedBytes = (file: Omit<RequestFile, 'signature_b64'>) =>
  concatBytes(toUtf8(context), toUtf8(canonicalJson(file)));

/** The text of the file: canonical JSON and a newline. */
export async function writeCaRequest(
  origin: RequestOrigin,
  request: CaRequest,
  signer: Signer,
): Promise<string> {
  const { public_key_sha256: _, ...terms } = request;
  const unsigned = {
    format: 'imprint-ca-request-v1' as const,
    ...origin,
    ...terms,
    csr_b64: toBase64(await certificationRequest(origin, request.subject, signer)),
  };
  const signature_b64 = toBase64(await signer.sign(signedBytes(unsigned)));
  return `${canonicalJson({ ...unsigned, signature_b64 })}\n`;
}

/**
 * Reads a request whose key has signed it. @throws ceremony_invalid
 */
export function readCaRequest(text: string): CaRequestFile {
  try {
    const body = text.endsWith('\n') ? text.slice(0, -1) : text;
    const file = requestFile.parse(parseCanonicalJson(body, limits.caRequestBytes));
    const { csr_b64, signature_b64, ...terms } = file;
    const csr = readCertificationRequest(fromBase64(csr_b64));
    const publicKey = parsePublicKey(csr.spki);
    const { signature_b64: _, ...unsigned } = file;
    if (!verifySignature(publicKey, signedBytes(unsigned), fromBase64(signature_b64))) {
      throw invalid('it was changed after its key had signed it');
    }
    const named = caNamed(file.ca_id);
    if (named.kind !== file.kind || named.subject !== file.subject) {
      throw invalid('name, kind and subject do not go together');
    }
    if (file.kind === 'station' && file.scope.product !== null) {
      throw invalid('a station CA is bound to no product');
    }
    return { ...terms, publicKey, public_key_sha256: csr.publicKeySha256, fingerprint: fingerprintOf(text) };
  } catch (cause) {
    if (isImprintError(cause, 'ceremony_invalid')) throw cause;
    const what =
      cause instanceof z.ZodError
        ? `${cause.issues[0]!.path.join('.') || 'it'}: ${cause.issues[0]!.message}`
        : (cause as Error).message;
    throw invalid(what, cause);
  }
}

/** Of a request's text. */
export function fingerprintOf(text: string): string {
  return sha256Hex(toUtf8(text));
}

async function certificationRequest(
  { realm, organization }: RequestOrigin,
  subject: string,
  signer: Signer,
): Promise<Uint8Array> {
  const name = encodeName(caSubject(organization, realm, subject));
  const info = derSequence(derInteger(0), name, signer.spki, derExplicit(0));
  return derSequence(info, signatureAlgorithm[signer.keyType], derBitString(await signer.sign(info)));
}

function invalid(what: string, cause?: unknown): ImprintError {
  return new ImprintError('ceremony_invalid', `This is no request of a CA: ${what}.`, {
    hint: 'Take the file from requests/ in the authority’s home again; do not edit it.',
    ...(cause === undefined ? {} : { cause }),
  });
}
