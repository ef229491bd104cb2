/**
 * What a station presents for a unit, read at the edge: the certification request becomes a key whose possession was
 * proven, or the reason why it is none. What is decided afterwards sees no foreign bytes.
 */
import { hash } from 'node:crypto';
import { fromBase64 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { type CertificationRequest, readCertificationRequest } from '../issuing/certification-request.ts';
import { type Refusal, refusalOf } from './once.ts';

/** Plain data, so that it may come from another thread. */
export type PresentedKey =
  | {
      csr: CertificationRequest;
      /** SHA-256 of the request's DER, hex. */
      csrSha256: string;
    }
  | { refusal: Refusal };

/** The request, or what stands against it (csr_invalid, csr_proof_wrong, key_unsupported). */
export function presentedKey(csrB64: string): PresentedKey {
  try {
    const der = fromBase64(csrB64, 'csr_invalid');
    return { csr: readCertificationRequest(der), csrSha256: hash('sha256', der, 'hex') };
  } catch (error) {
    if (error instanceof ImprintError) return { refusal: refusalOf(error) };
    throw error;
  }
}
