/** Writes OCSP responses (RFC 6960 section 4.2): signed ones, and the few unsigned errors. What may be said is decided elsewhere. */
import { hash } from 'node:crypto';
import { derTag } from '@imprint/contract/x509/der';
import {
  derBitString,
  derElement,
  derExplicit,
  derImplicit,
  derOctetString,
  derOid,
  derSequence,
  ia5Octets,
} from '@imprint/contract/x509/der-writer';
import { oid } from '@imprint/contract/x509/oid';
import { parsePublicKey } from '@imprint/contract/x509/public-key';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import type { ProcessCertificate } from '../issuing/certify-process-key.ts';
import type { Signer } from '../signer/signer.ts';
import type { CertificateStatus } from './certificate-status.ts';
import { crlReasonOf } from './revocation-reason.ts';

/** Who answers: the key of a process, and the certificate that lets it. */
export interface OcspIdentity extends ProcessCertificate {
  signer: Signer;
}

export interface SingleAnswer {
  /** The CertID of the request, DER. */
  certId: Uint8Array;
  status: CertificateStatus;
  /** ISO 8601; fractions of a second are dropped. */
  thisUpdate: string;
  nextUpdate: string;
}

export type OcspError = 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized';

const enumerated = 0x0a;
const enumeratedOf = (value: number) => derElement(enumerated, Uint8Array.of(value));
const successful = enumeratedOf(0);
const nothing = new Uint8Array(0);
const basicType = derOid(oid.ocspBasic);
const nonceType = derOid(oid.ocspNonce);

/** Unsigned, since it says nothing about a certificate. */
export const ocspErrors: Record<OcspError, Buffer> = {
  malformedRequest: Buffer.from(derSequence(enumeratedOf(1))),
  internalError: Buffer.from(derSequence(enumeratedOf(2))),
  tryLater: Buffer.from(derSequence(enumeratedOf(3))),
  unauthorized: Buffer.from(derSequence(enumeratedOf(6))),
};

/** A successful response, signed by the identity's key, which is named by its SHA-1 (byKey), with its certificate and the nonce, if any. */
export async function signOcspResponse(
  { signer, certificate }: OcspIdentity,
  answers: readonly SingleAnswer[],
  producedAt: string,
  nonce?: Uint8Array,
): Promise<Buffer> {
  const data = derSequence(
    derExplicit(2, derOctetString(keyHash(signer.spki))),
    generalizedTime(producedAt),
    derSequence(...answers.map(singleResponse)),
    ...(nonce === undefined
      ? []
      : [derExplicit(1, derSequence(derSequence(nonceType, derOctetString(derOctetString(nonce)))))]),
  );
  const basic = derSequence(
    data,
    signatureAlgorithm[signer.keyType],
    derBitString(await signer.sign(data)),
    derExplicit(0, derSequence(certificate)),
  );
  return Buffer.from(derSequence(successful, derExplicit(0, derSequence(basicType, derOctetString(basic)))));
}

function singleResponse({ certId, status, thisUpdate, nextUpdate }: SingleAnswer): Uint8Array {
  return derSequence(
    certId,
    statusOf(status),
    generalizedTime(thisUpdate),
    derExplicit(0, generalizedTime(nextUpdate)),
  );
}

function statusOf(status: CertificateStatus): Uint8Array {
  if (status.kind === 'good') return derImplicit(0, nothing);
  if (status.kind === 'unknown') return derImplicit(2, nothing);
  const code = crlReasonOf(status.reason);
  return derExplicit(
    1,
    generalizedTime(status.revokedAt),
    ...(code === 0 ? [] : [derExplicit(0, enumeratedOf(code))]),
  );
}

/** OCSP knows no UTCTime. */
function generalizedTime(iso: string): Uint8Array {
  return derElement(derTag.generalizedTime, ia5Octets(`${iso.slice(0, 19).replaceAll(/[-T:]/g, '')}Z`));
}

/** SHA-1 over the key's BIT STRING value; it names the key and protects nothing. */
function keyHash(spki: Uint8Array): Uint8Array {
  return hash('sha1', parsePublicKey(spki).raw, 'buffer');
}
