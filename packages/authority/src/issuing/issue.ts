/**
 * The second half of issuing: signs the bytes of one token and releases the certificate only when everything about it
 * holds. What comes back is taken apart again, and verified where the key is not this process's own. The caller has made the
 * intent durable.
 */
import { hash, verify } from 'node:crypto';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { DerReader, derTag } from '@imprint/contract/x509/der';
import { isStrictSignature, signatureAlgorithm } from '@imprint/contract/x509/signature';
import { digestOf } from '../signer/key-type.ts';
import type { Issuer } from './issuer.ts';
import { PreparedCertificate } from './prepare.ts';
import { encodeCertificate } from './tbs.ts';

/** The intent as the log has it (I-2, I-13): hexadecimal, as in the entry. */
export interface DurableIntent {
  serialHex: string;
  tbsSha256: string;
  profileSha256: string;
  issuerSha256: string;
}

export interface IssuedCertificate {
  /** DER. */
  certificate: Uint8Array;
  certificateSha256: string;
  serialHex: string;
}

/**
 * Signs what was prepared. The token is used up by this call, whatever comes of it.
 * @throws intent_uncertain where the token was used before; tbs_mismatch where the intent is another's or the result is
 * not exactly the linted bytes under the issuer's key (I-3: nothing is released, and the caller raises the alarm); what
 * the signer throws. After an error the intent is closed as revoked and never signed again (I-2).
 */
export async function issue(
  token: PreparedCertificate,
  issuer: Issuer,
  intent: DurableIntent,
): Promise<IssuedCertificate> {
  const tbs = PreparedCertificate.take(token);
  requireIntent(token, issuer, intent);
  const signature = await issuer.signer.sign(tbs);
  const der = encodeCertificate(tbs, issuer.signer.keyType, signature);
  await requireSigned(der, token, issuer);
  return {
    certificate: der,
    certificateSha256: hash('sha256', der, 'hex'),
    serialHex: token.serialHex,
  };
}

function requireIntent(token: PreparedCertificate, issuer: Issuer, intent: DurableIntent): void {
  const matches =
    token.serialHex === intent.serialHex &&
    token.tbsSha256 === intent.tbsSha256 &&
    token.profileSha256 === intent.profileSha256 &&
    token.issuerSha256 === intent.issuerSha256 &&
    token.issuerSha256 === issuer.certificate.sha256;
  if (!matches) throw mismatch('the durable intent is not that of the prepared certificate', token);
}

/**
 * Takes the certificate apart as its receivers will, and holds the bytes that are signed against the hash that was taken when
 * they were linted: what the lint has read in them need not be read again.
 */
async function requireSigned(der: Uint8Array, token: PreparedCertificate, issuer: Issuer): Promise<void> {
  const { keyType } = issuer.signer;
  let parts: { tbs: Uint8Array; algorithm: Uint8Array; signature: Uint8Array };
  try {
    parts = partsOf(der);
  } catch (cause) {
    throw mismatch('the signed certificate cannot be read back', token, cause);
  }
  const { tbs, algorithm, signature } = parts;
  if (hash('sha256', tbs, 'hex') !== token.tbsSha256) {
    throw mismatch('the signed bytes are not the linted ones', token);
  }
  const valid =
    equalBytes(algorithm, signatureAlgorithm[keyType]) && (await isSignedBy(issuer, tbs, signature));
  if (!valid) throw mismatch("the signature is not by the issuer's key over the linted bytes", token);
}

/**
 * True where the signature is in its one strict form, and by the issuer's key over these bytes: that is verified where the key is not
 * this process's own.
 */
export async function isSignedBy(issuer: Issuer, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const { keyType, custody } = issuer.signer;
  if (!isStrictSignature(keyType, signature)) return false;
  return custody === 'process' || (await verifies(issuer, bytes, signature));
}

function verifies(issuer: Issuer, tbs: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) =>
    verify(digestOf(issuer.signer.keyType), tbs, issuer.publicKey, signature, (error, valid) =>
      resolve(error === null && valid),
    ),
  );
}

function partsOf(der: Uint8Array) {
  const file = DerReader.over(der, limits.certificateBytes);
  const outer = file.enter();
  file.end();
  const tbs = outer.element(derTag.sequence).bytes;
  const algorithm = outer.element(derTag.sequence).bytes;
  const signature = outer.bitString();
  outer.end();
  return { tbs, algorithm, signature };
}

function mismatch(what: string, token: PreparedCertificate, cause?: unknown): ImprintError {
  return new ImprintError('tbs_mismatch', `Nothing was released: ${what}.`, {
    hint: 'Stop issuing and look for what changed the bytes: the signer, the memory or the program.',
    context: { serial: token.serialHex, tbs_sha256: token.tbsSha256 },
    ...(cause === undefined ? {} : { cause }),
  });
}
