/**
 * Certificates that somebody has met, held against the log: whoever has a stolen key signs what the log knows nothing of. Those are
 * disowned, which has CRL and OCSP say so. Nothing is trusted for it: a signature is only recognised.
 */
import { X509Certificate } from 'node:crypto';
import type { Actor } from '@imprint/contract/audit/entry';
import { toBase64 } from '@imprint/contract/bytes';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import type { Draft, Ledger } from '../ledger/ledger.ts';
import type { Tables } from '../storage/tables.ts';
import type { Ca } from '../trust/cas.ts';

/** `known`: in the log, byte for byte; `unknown`: signed by the CA's key, and not in the log; `other`: the CA's key has not signed it. */
export type Recognised = 'known' | 'unknown' | 'other' | 'unreadable';

export interface SeenCertificate {
  der: Uint8Array;
  recognised: Recognised;
  /** Lower-case hex; null where it cannot be read. */
  serial: string | null;
  certificate_sha256: string | null;
}

/** Tells what each of these certificates (DER) is to a CA. */
export async function recognise(
  db: Kysely<Tables>,
  ca: Ca,
  ders: readonly Uint8Array[],
): Promise<SeenCertificate[]> {
  const issuer = new X509Certificate(ca.certificate!);
  const seen: SeenCertificate[] = [];
  for (const der of ders) {
    const certificate = readLeniently(der);
    if (certificate === undefined) {
      seen.push({ der, recognised: 'unreadable', serial: null, certificate_sha256: null });
      continue;
    }
    const serial = serialOf(certificate);
    const certificate_sha256 = sha256Of(certificate);
    const recognised = !isSignedBy(certificate, issuer)
      ? 'other'
      : (await isLogged(db, ca.certificate_sha256!, serial, certificate_sha256))
        ? 'known'
        : 'unknown';
    seen.push({ der, recognised, serial, certificate_sha256 });
  }
  return seen;
}

/** Disowns what the log does not know, once each. Gives how many were not disowned before. @throws storage_failed, clock_untrusted */
export async function disown(
  ledger: Ledger,
  by: Actor,
  ca: Ca,
  seen: readonly SeenCertificate[],
): Promise<number> {
  let disowned = 0;
  for (const one of seen) {
    if (one.recognised !== 'unknown') continue;
    const isNew = await ledger.submit(async ({ tx }) => {
      const entries = (await isDisowned(tx, one.certificate_sha256!)) ? [] : [draftOf(by, ca, one)];
      return { entries, reply: () => entries.length > 0 };
    });
    if (isNew) disowned++;
  }
  return disowned;
}

function draftOf(by: Actor, ca: Ca, { der, serial, certificate_sha256 }: SeenCertificate): Draft {
  const ends = Date.parse(readLeniently(der)?.validTo ?? '');
  const data = {
    issuer_sha256: ca.certificate_sha256!,
    serial: serial!,
    certificate_sha256: certificate_sha256!,
    not_after: Number.isNaN(ends) ? '9999-12-31T23:59:59.000Z' : new Date(ends).toISOString(),
    certificate_b64: der.length > limits.certificateBytes ? null : toBase64(der),
  };
  return { type: 'certificate.disowned', actor: by, data };
}

/** A thief keeps to no profile, so this takes whatever OpenSSL can read. */
function readLeniently(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    // an algorithm that this key does not have
    return false;
  }
}

/** Of at most 20 octets, which are all that a CRL can carry; a longer one keeps its last. */
function serialOf({ serialNumber }: X509Certificate): string {
  const digits = serialNumber.replace(/^-/, '').toLowerCase();
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return even.slice(-40) || '00';
}

const sha256Of = ({ fingerprint256 }: X509Certificate) => fingerprint256.replaceAll(':', '').toLowerCase();

/** As a device's, a station's or an OCSP responder's. */
async function isLogged(
  db: Kysely<Tables>,
  issuerSha256: string,
  serial: string,
  certificateSha256: string,
): Promise<boolean> {
  const found = await Promise.all([
    db
      .selectFrom('credential')
      .select('credential_id')
      .where('serial', '=', serial)
      .where('issuer_sha256', '=', issuerSha256)
      .where('certificate_sha256', '=', certificateSha256)
      .executeTakeFirst(),
    db
      .selectFrom('responder')
      .select('serial')
      .where('serial', '=', serial)
      .where('issuer_sha256', '=', issuerSha256)
      .where('certificate_sha256', '=', certificateSha256)
      .executeTakeFirst(),
    db
      .selectFrom('station')
      .select('station_id')
      .where('certificate_sha256', '=', certificateSha256)
      .executeTakeFirst(),
  ]);
  return found.some((row) => row !== undefined);
}

async function isDisowned(db: Kysely<Tables>, certificateSha256: string): Promise<boolean> {
  const row = await db
    .selectFrom('disowned_certificate')
    .select('serial')
    .where('certificate_sha256', '=', certificateSha256)
    .executeTakeFirst();
  return row !== undefined;
}
