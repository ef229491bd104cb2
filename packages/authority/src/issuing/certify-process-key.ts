/**
 * Certifies a key that lives in the memory of one process: the intent is durable before the CA signs, the certificate before it is
 * used (I-1, I-2). What the certificate says is the caller's to prepare.
 */
import { toBase64 } from '@imprint/contract/bytes';
import { type ClockGuard, requireTrustedClock } from '../clock/clock-guard.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Signer } from '../signer/signer.ts';
import type { Entropy } from '../surroundings.ts';
import { issue } from './issue.ts';
import type { Issuer } from './issuer.ts';
import type { PreparedCertificate } from './prepare.ts';
import { makeSerial } from './serial.ts';

export interface CertifyCore {
  ledger: Ledger;
  clockGuard: Pick<ClockGuard, 'requireSteady'>;
  entropy: Entropy;
  organization: string;
  /** Names this process among those that share the database. */
  processId: string;
  /** A signer over a new P-256 key, which nobody else has. */
  newSigner: () => Signer;
}

/** What says what a process's key is for. */
export interface ProcessCertificate {
  /** DER. */
  certificate: Uint8Array;
  /** ISO 8601. */
  notBefore: string;
  notAfter: string;
}

/** @throws clock_untrusted, storage_failed, tbs_mismatch, what the CA's signer throws: then the key is thrown away */
export async function certifyProcessKey(
  core: Omit<CertifyCore, 'organization' | 'newSigner'>,
  kind: 'responder' | 'server',
  issuer: Issuer,
  prepare: (serial: Uint8Array, now: Date) => PreparedCertificate,
): Promise<ProcessCertificate> {
  const actor = { kind: 'authority', id: core.processId } as const;
  const issuer_sha256 = issuer.certificate.sha256;
  const token = await core.ledger.submit<PreparedCertificate>(async (reading) => {
    await requireTrustedClock(reading, core.clockGuard);
    const prepared = prepare(makeSerial(reading.now, core.entropy), reading.now);
    const data = {
      issuer_sha256,
      serial: prepared.serialHex,
      profile_sha256: prepared.profileSha256,
      tbs_sha256: prepared.tbsSha256,
      public_key_sha256: prepared.publicKeySha256,
      not_before: prepared.notBefore,
      not_after: prepared.notAfter,
      owner: core.processId,
    };
    return { entries: [{ type: `${kind}.intended`, actor, data }], reply: () => prepared };
  });
  const { notBefore, notAfter, serialHex, ...hashes } = token;
  const { certificate, certificateSha256 } = await issue(token, issuer, { serialHex, ...hashes });
  const data = {
    issuer_sha256,
    serial: serialHex,
    certificate_sha256: certificateSha256,
    certificate_b64: toBase64(certificate),
  };
  await core.ledger.submit(async () => ({
    entries: [{ type: `${kind}.certified`, actor, data }],
    reply: () => undefined,
  }));
  return { certificate, notBefore, notAfter };
}
