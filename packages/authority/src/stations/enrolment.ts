/**
 * The newcomer's one door: a token and a key that the station made (its CSR proves it), then a person who compares the
 * fingerprint on both screens. Only the key that used the token first can collect the certificate.
 */
import type { StationRequest, StationResponse } from '@imprint/contract/api/station';
import type { Actor, EntryData } from '@imprint/contract/audit/entry';
import { fromBase64, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { toPem } from '@imprint/contract/x509/pem';
import type { Kysely } from 'kysely';
import { requireApproval } from '../access/require-approval.ts';
import { requireTrustedClock } from '../clock/clock-guard.ts';
import { readCertificationRequest } from '../issuing/certification-request.ts';
import { issue } from '../issuing/issue.ts';
import type { Issuer } from '../issuing/issuer.ts';
import { type PreparedCertificate, prepareStation } from '../issuing/prepare.ts';
import { makeSerial } from '../issuing/serial.ts';
import { stationProfile } from '../issuing/station-profile.ts';
import { refuseExcluded } from '../registry/excluded-keys.ts';
import type { Tables } from '../storage/tables.ts';
import { signerOf } from '../trust/issuers.ts';
import type { StationCore } from './station-core.ts';

/** @throws token_invalid (unknown, run out, or used by another key), key_reused, csr_invalid, csr_proof_wrong */
export async function requestEnrolment(
  core: StationCore,
  request: StationRequest<'requestEnrolment'>,
): Promise<StationResponse<'requestEnrolment'>> {
  await requireKnownToken(core, request.token);
  const csr = readCertificationRequest(fromBase64(request.csr_b64, 'csr_invalid'));
  return core.ledger.submit<StationResponse<'requestEnrolment'>>(async (reading) => {
    const token = await requireToken(reading.tx, request.token, csr.publicKeySha256, reading.at);
    const station = await reading.tx
      .selectFrom('station')
      .select('status')
      .where('station_id', '=', token.station_id)
      .executeTakeFirstOrThrow();
    const answer = { station_id: token.station_id, public_key_sha256: csr.publicKeySha256 };
    if (station.status === 'confirmed') {
      return { entries: [], reply: () => ({ ...answer, status: 'confirmed' as const }) };
    }
    await requireFreshKey(reading.tx, token.station_id, csr.publicKeySha256);
    const first = token.used_by_key_sha256 === null;
    return {
      entries: first
        ? [
            {
              type: 'station.requested',
              actor: { kind: 'station', id: token.station_id },
              data: answer,
            },
          ]
        : [],
      remember: async (tx) => {
        await tx
          .updateTable('enrolment_token')
          .set({ used_by_key_sha256: csr.publicKeySha256, spki: csr.spki })
          .where('token_sha256', '=', token.token_sha256)
          .execute();
      },
      reply: () => ({ ...answer, status: 'pending' as const }),
    };
  });
}

/** @throws token_invalid, csr_invalid, csr_proof_wrong */
export async function collectEnrolment(
  core: StationCore,
  request: StationRequest<'collectEnrolment'>,
): Promise<StationResponse<'collectEnrolment'>> {
  await requireKnownToken(core, request.token);
  const csr = readCertificationRequest(fromBase64(request.csr_b64, 'csr_invalid'));
  const db = core.ledger.reader;
  const token = await requireToken(db, request.token, csr.publicKeySha256, core.clock().toISOString());
  const station = await db
    .selectFrom('station')
    .select(['status', 'certificate', 'public_key_sha256'])
    .where('station_id', '=', token.station_id)
    .executeTakeFirstOrThrow();
  if (
    station.status !== 'confirmed' ||
    station.certificate === null ||
    station.public_key_sha256 !== csr.publicKeySha256
  ) {
    return { status: 'pending', certificate_pem: null, chain_pem: null };
  }
  return {
    status: 'confirmed',
    certificate_pem: toPem('CERTIFICATE', station.certificate),
    chain_pem: [await stationCaOf(core, station.certificate), core.stationRoot]
      .map((der) => toPem('CERTIFICATE', der))
      .join(''),
  };
}

/** The CA that a station's certificate stands under, whatever has become of it since. @throws unknown_ca */
async function stationCaOf({ ledger }: StationCore, certificate: Uint8Array): Promise<Uint8Array> {
  const der = await signerOf(ledger.reader, 'station', certificate);
  if (der !== undefined) return der;
  throw new ImprintError('unknown_ca', 'the station’s certificate stands under no CA that is trusted here', {
    hint: 'Enrol the station anew.',
  });
}

/** A key is one station's, no device's, and of no other realm: a PC that was copied with its key is not let in as a second one. */
async function requireFreshKey(
  db: Kysely<Tables>,
  stationId: string,
  publicKeySha256: string,
): Promise<void> {
  await refuseExcluded(db, publicKeySha256);
  const station = await db
    .selectFrom('station')
    .select('station_id')
    .where('public_key_sha256', '=', publicKeySha256)
    .where('station_id', '!=', stationId)
    .executeTakeFirst();
  const device = await db
    .selectFrom('public_key')
    .select('device_id')
    .where('public_key_sha256', '=', publicKeySha256)
    .executeTakeFirst();
  if (!station && !device) return;
  throw new ImprintError('key_reused', 'this key belongs to another station or device', {
    hint: 'Let the station make a key of its own: remove the copied folder and enrol anew.',
  });
}

async function requireToken(db: Kysely<Tables>, secret: string, publicKeySha256: string, at: string) {
  // Looked up by its hash: how long a look-up takes tells nothing about the secret itself.
  const token = await db
    .selectFrom('enrolment_token')
    .selectAll()
    .where('token_sha256', '=', sha256Hex(toUtf8(secret)))
    .executeTakeFirst();
  const usable =
    token !== undefined &&
    token.expires_at > at &&
    (token.used_by_key_sha256 === null || token.used_by_key_sha256 === publicKeySha256);
  if (usable) return token;
  throw tokenInvalid();
}

/** Before anything else: whoever has no token costs the authority one look-up, no curve and no place in a tick. */
async function requireKnownToken({ ledger, clock }: StationCore, secret: string): Promise<void> {
  const token = await ledger.reader
    .selectFrom('enrolment_token')
    .select('expires_at')
    .where('token_sha256', '=', sha256Hex(toUtf8(secret)))
    .executeTakeFirst();
  if (token === undefined || token.expires_at <= clock().toISOString()) throw tokenInvalid();
}

function tokenInvalid(): ImprintError {
  return new ImprintError('token_invalid', 'this enrolment token is not valid, or not any more', {
    hint: 'Ask for a new one: imprint station invite.',
  });
}

interface Confirmed {
  token: PreparedCertificate;
  issuer: Issuer;
  recorded: EntryData<'station.confirmed'>;
}

/**
 * A person has compared the fingerprint; the station's certificate is made. The intent (serial, TBS hash) is durable
 * before the station CA signs, as for devices. Confirmed twice, it is the same certificate. It takes two people (I-18).
 * @throws unknown_station (no key waits, or its token ran out), ca_missing (no CA for its site), not_authorized where the fingerprint is not that of the waiting key,
 * intent_uncertain where the station was revoked or confirmed anew meanwhile; approval_required, approval_invalid
 */
export async function confirmStation(
  core: StationCore,
  by: Actor,
  stationId: string,
  fingerprint: string,
): Promise<{ certificate_sha256: string }> {
  const confirmed = await core.ledger.submit<Confirmed | { certificateSha256: string }>(async (reading) => {
    const waiting = await reading.tx
      .selectFrom('enrolment_token')
      .selectAll()
      .where('station_id', '=', stationId)
      .executeTakeFirst();
    if (!waiting?.used_by_key_sha256 || !waiting.spki || waiting.expires_at <= reading.at) {
      throw new ImprintError('unknown_station', `no key of station ${stationId} waits to be confirmed`, {
        hint: 'Start imprint station enroll on the station first.',
      });
    }
    if (waiting.used_by_key_sha256 !== fingerprint.toLowerCase().replaceAll(/[\s:]/g, '')) {
      throw new ImprintError('not_authorized', 'the fingerprint is not that of the key that waits', {
        hint: 'Compare it with the station’s screen. If it differs there, somebody else used the token: revoke it.',
      });
    }
    const station = await reading.tx
      .selectFrom('station')
      .select(['status', 'certificate_sha256', 'site', 'line', 'lanes'])
      .where('station_id', '=', stationId)
      .executeTakeFirstOrThrow();
    const certificateSha256 = station.certificate_sha256;
    if (station.status === 'confirmed' && certificateSha256 !== null) {
      return { entries: [], reply: () => ({ certificateSha256 }) };
    }
    const assigned = {
      station_id: stationId,
      site: station.site,
      line: station.line,
      lanes: station.lanes,
      public_key_sha256: waiting.used_by_key_sha256,
    };
    const approved = await requireApproval(reading, 'station.assign', assigned, by);
    await requireTrustedClock(reading, core.clockGuard);
    const { site } = station;
    const year = reading.now.getUTCFullYear();
    const issuer = await core.issuers.choose(reading.tx, 'station', { product: null, site, year });
    const token = prepareStation(
      issuer,
      stationProfile(core.organization, core.realm),
      { stationId, site, spki: waiting.spki },
      makeSerial(reading.now, core.entropy),
      reading.now,
    );
    const recorded = {
      station_id: stationId,
      public_key_sha256: waiting.used_by_key_sha256,
      serial: token.serialHex,
      tbs_sha256: token.tbsSha256,
      not_after: token.notAfter,
      issuer_sha256: token.issuerSha256,
    };
    return {
      entries: [...approved, { type: 'station.confirmed', actor: by, data: recorded }],
      reply: () => ({ token, issuer, recorded }),
    };
  });
  if ('certificateSha256' in confirmed) return { certificate_sha256: confirmed.certificateSha256 };
  const { token, issuer, recorded } = confirmed;
  const { certificate, certificateSha256 } = await issue(token, issuer, {
    serialHex: recorded.serial,
    tbsSha256: recorded.tbs_sha256,
    profileSha256: stationProfile(core.organization, core.realm).sha256,
    issuerSha256: issuer.certificate.sha256,
  });
  return core.ledger.submit(async (reading) => {
    const station = await reading.tx
      .selectFrom('station')
      .select(['status', 'serial'])
      .where('station_id', '=', stationId)
      .executeTakeFirst();
    if (station?.status !== 'confirmed' || station.serial !== recorded.serial) {
      throw new ImprintError(
        'intent_uncertain',
        `station ${stationId} changed while its certificate was made`,
        {
          hint: 'The certificate was not stored and opens nothing. Look at the station, then confirm it again.',
        },
      );
    }
    return {
      entries: [
        {
          type: 'station.certified',
          actor: by,
          data: {
            station_id: stationId,
            serial: recorded.serial,
            certificate_sha256: certificateSha256,
            certificate_b64: toBase64(certificate),
          },
        },
      ],
      reply: () => ({ certificate_sha256: certificateSha256 }),
    };
  });
}

/** @throws unknown_station */
export function revokeStation(
  core: StationCore,
  by: Actor,
  stationId: string,
  reason: string,
): Promise<void> {
  return core.ledger.submit(async (reading) => {
    const station = await reading.tx
      .selectFrom('station')
      .select('status')
      .where('station_id', '=', stationId)
      .executeTakeFirst();
    if (!station) throw new ImprintError('unknown_station', `there is no station ${stationId}`);
    if (station.status === 'revoked') return { entries: [], reply: () => undefined };
    return {
      entries: [{ type: 'station.revoked', actor: by, data: { station_id: stationId, reason } }],
      remember: async (tx) => {
        await tx.deleteFrom('enrolment_token').where('station_id', '=', stationId).execute();
      },
      reply: () => undefined,
    };
  });
}
