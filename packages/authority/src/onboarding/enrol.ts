/**
 * A device in the field gets its operational certificate with the birth certificate in hand, and renews what it has before that runs out.
 * It goes the way of the line: intent durable, linted, signed, released (I-1 to I-4). A request contributes a key, and nothing else (I-6).
 */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { RequestClaims } from '@imprint/contract/est/request-claims';
import { limits } from '@imprint/contract/limits';
import type { KeyType } from '@imprint/contract/provisioning-contract';
import { requireTrustedClock } from '../clock/clock-guard.ts';
import type { CertificationRequest } from '../issuing/certification-request.ts';
import { DeviceProfiles } from '../issuing/device-profiles.ts';
import { prepareDevice } from '../issuing/prepare.ts';
import type { DeviceProfileName } from '../issuing/profile.ts';
import { Releases, type ToSign } from '../issuing/releases.ts';
import { makeSerial } from '../issuing/serial.ts';
import type { LineCore } from '../jobs/line-core.ts';
import { type Refusal, refusalError } from '../jobs/once.ts';
import type { Decision, Draft, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import { type Credential, type EnrollingDevice, requireEnrolling } from './caller.ts';
import { permitOf } from './enrolment-approval.ts';
import { foreignOwner, refuseSpentKey } from './field-key.ts';
import type { KnownDevice } from './known-device.ts';
import { requireOwnClaims } from './own-claims.ts';
import { successionDrafts } from './successor.ts';

/** A request that was read at the edge: a key whose possession was proven, and what it says of its sender. */
export interface EnrolmentRequest {
  csr: CertificationRequest;
  claims: RequestClaims;
}

export type EnrolmentAnswer =
  /** DER. */
  { kind: 'issued'; certificate: Uint8Array } | { kind: 'pending'; retryAfterSeconds: number };

export type EnrolmentCore = Pick<
  LineCore,
  | 'ledger'
  | 'clock'
  | 'realm'
  | 'issuers'
  | 'contracts'
  | 'clockGuard'
  | 'entropy'
  | 'processId'
  | 'intentLeaseMs'
>;

type Intended =
  | { kind: 'released'; credential: Credential }
  | ({ kind: 'to-sign'; device: EnrollingDevice } & ToSign)
  | { kind: 'in-flight'; credentialId: string }
  | { kind: 'pending' }
  | { kind: 'refused'; refusal: Refusal };

const dayMs = 86_400_000;

export class Enrolment {
  readonly #core: EnrolmentCore;
  readonly #releases: Releases;
  readonly #profiles: Record<DeviceProfileName, DeviceProfiles>;

  constructor(core: EnrolmentCore) {
    this.#core = core;
    this.#releases = new Releases(core);
    this.#profiles = {
      idevid: new DeviceProfiles(core.realm),
      ldevid: new DeviceProfiles(core.realm, 'ldevid'),
    };
  }

  /**
   * simpleenroll (RFC 7030 section 4.2.1): birth certificate in, operational certificate out. The same key gives the same certificate until half
   * of its life is over.
   * @throws not_authorized (asked with another certificate, or it does not pass any more), enrolment_refused, csr_invalid (names another
   * device), key_unsupported, key_reused, rate_limited, ca_missing, clock_untrusted, unavailable, and as the line's issuing
   */
  async enrol(known: KnownDevice, request: EnrolmentRequest): Promise<EnrolmentAnswer> {
    return this.#certify(known, request, (device) => {
      if (device.isAnew) {
        throw new ImprintError('certify_anew', 'The key of the CA of this birth certificate was stolen.', {
          hint: 'Ask for another birth certificate with simplereenroll first.',
        });
      }
      if (device.credential.profile !== 'idevid') {
        throw new ImprintError(
          'not_authorized',
          'A first operational certificate is asked for with the birth certificate.',
          {
            hint: 'Renew the operational certificate with simplereenroll.',
          },
        );
      }
      return 'ldevid';
    });
  }

  /**
   * simplereenroll (RFC 7030 section 4.2.2): another certificate of the kind that the device asks with. A birth certificate without end has no other;
   * with it a device gets its operational one, since some clients know no other way of asking with a certificate. Where the key of its CA was
   * stolen, it is certified anew, for the key that it has.
   * @throws as {@link enrol}
   */
  async renew(known: KnownDevice, request: EnrolmentRequest): Promise<EnrolmentAnswer> {
    return this.#certify(known, request, ({ credential, contract, isAnew }) => {
      if (isAnew) {
        requireSameKey(credential, request);
        return 'idevid';
      }
      if (credential.profile !== 'idevid') return 'ldevid';
      return contract.credential.profile.validity === 'forever' ? 'ldevid' : 'idevid';
    });
  }

  /** The type of key that the device's next certificate is for: what csrattrs tells it. @throws not_authorized */
  async keyTypeFor(known: KnownDevice): Promise<KeyType> {
    const { contracts, ledger, clock } = this.#core;
    const now = { tx: ledger.reader, at: clock().toISOString() };
    const { contract } = await requireEnrolling(now, contracts, known);
    return contract.operational?.key_type ?? contract.credential.key_type;
  }

  async #certify(
    known: KnownDevice,
    request: EnrolmentRequest,
    wanted: (device: EnrollingDevice) => DeviceProfileName,
  ): Promise<EnrolmentAnswer> {
    const intended = await this.#core.ledger.submit((reading) =>
      this.#intend(reading, known, request, wanted),
    );
    switch (intended.kind) {
      case 'pending':
        return { kind: 'pending', retryAfterSeconds: limits.enrolmentRetrySeconds };
      case 'refused':
        throw refusalError(intended.refusal);
      case 'released':
        return issued(intended.credential);
      case 'in-flight':
        return issued(await this.#releases.underWay(intended.credentialId));
      case 'to-sign':
        return issued(
          await this.#releases.run(
            intended,
            (reading) =>
              this.#succession(reading, known, intended.device, intended.intent.profile as DeviceProfileName),
            actorOf(known),
          ),
        );
    }
  }

  async #intend(
    reading: Reading,
    known: KnownDevice,
    { csr, claims }: EnrolmentRequest,
    wanted: (device: EnrollingDevice) => DeviceProfileName,
  ): Promise<Decision<Intended>> {
    const { realm, contracts, entropy, clockGuard, issuers } = this.#core;
    const device = await requireEnrolling(reading, contracts, known);
    const profile = wanted(device);
    requireOwnClaims(claims, device.deviceId, device.contract, realm);
    requireOperational(device, profile);
    const owner = await foreignOwner(reading, device, csr);
    if (owner !== undefined) return foreignKey(reading, known, owner);
    const before = await credentialsOf(reading, device);
    refuseSpentKey(device, profile, csr, before);
    const ofKind = before.filter((row) => row.profile === profile);
    const same = ofKind.filter((row) => row.public_key_sha256 === csr.publicKeySha256);
    const held = same.find(({ status }) => status === 'active');
    if (held !== undefined && reading.at < halfLife(held)) {
      return { entries: [], reply: () => ({ kind: 'released', credential: held }) };
    }
    const open = ofKind.filter(({ status }) => status === 'intended');
    const flying = open.find(
      (row) => row.public_key_sha256 === csr.publicKeySha256 && row.lease_expires_at > reading.at,
    );
    if (flying !== undefined) {
      return { entries: [], reply: () => ({ kind: 'in-flight', credentialId: flying.credential_id }) };
    }
    if (same.length === 0) requireFewKeys(reading, device, ofKind);
    if (device.credential.profile !== profile) {
      const { product } = device.contract;
      const permit = await permitOf(reading, entropy, product, device.deviceId, csr.publicKeySha256);
      if (permit.kind === 'waits') return { entries: [], reply: () => ({ kind: 'pending' }) };
      if (permit.kind === 'asks') {
        await requireFewRequests(reading, device);
        return { entries: permit.entries, reply: () => ({ kind: 'pending' }) };
      }
    }
    await requireTrustedClock(reading, clockGuard);
    const { product } = device.contract;
    const { site } = device;
    const year = reading.now.getUTCFullYear();
    const issuer = await issuers.choose(reading.tx, 'device', { product, site, year });
    issuer.signer.requireReady?.();
    const token = prepareDevice(
      issuer,
      this.#profiles[profile].of(device.contract, issuer),
      {
        deviceId: device.deviceId,
        product,
        site,
        hardwareUid: device.hardwareUid,
        keyType: csr.keyType,
        spki: csr.spki,
      },
      makeSerial(reading.now, entropy),
      reading.now,
    );
    const intent = this.#releases.intent(reading, csr, token, {
      job_id: device.jobId,
      device_id: device.deviceId,
      profile,
    });
    const by = actorOf(known);
    const entries: Draft[] = [
      // of several keys the newest counts; what may have been signed for the others is revoked
      ...open.map(({ credential_id, serial }): Draft => {
        const data = { credential_id, serial, reason: 'intent-uncertain' } as const;
        return { type: 'credential.revoked', actor: by, data };
      }),
      { type: 'credential.intended', actor: by, data: intent },
    ];
    return { entries, reply: () => ({ kind: 'to-sign', device, intent, token, issuer }) };
  }

  /** What is released was asked for by a device that still passes; with it the one before is superseded. */
  async #succession(
    reading: Reading,
    known: KnownDevice,
    device: EnrollingDevice,
    profile: DeviceProfileName,
  ): Promise<Draft[] | undefined> {
    try {
      await requireEnrolling(reading, this.#core.contracts, known);
    } catch (error) {
      if (error instanceof ImprintError && error.code === 'not_authorized') return undefined;
      throw error;
    }
    return successionDrafts(reading, actorOf(known), device, profile);
  }
}

/** @throws enrolment_refused */
function requireSameKey({ public_key_sha256 }: Credential, { csr }: EnrolmentRequest): void {
  if (csr.publicKeySha256 === public_key_sha256) return;
  throw new ImprintError(
    'enrolment_refused',
    'This device is certified anew for the key that it has, and no other.',
    { hint: 'Ask with the key of the birth certificate.' },
  );
}

const actorOf = ({ deviceId }: KnownDevice): Actor => ({ kind: 'device', id: deviceId });

function issued({ certificate }: Credential): EnrolmentAnswer {
  return { kind: 'issued', certificate: certificate! };
}

/** When a certificate is old enough that the same key gets another one: devices renew at two thirds of its life. */
function halfLife({ not_before, not_after }: Credential): string {
  const [begin, end] = [Date.parse(not_before), Date.parse(not_after)];
  return new Date(begin + (end - begin) / 2).toISOString();
}

/** @throws enrolment_refused */
function requireOperational({ contract }: EnrollingDevice, profile: DeviceProfileName): void {
  if (profile === 'idevid' || contract.operational !== undefined) return;
  throw new ImprintError(
    'enrolment_refused',
    `The contract of ${contract.product} has no operational certificate.`,
    { hint: 'This device lives with its birth certificate.' },
  );
}

/** @throws rate_limited for a device that asks for key after key */
function requireFewKeys(
  { now }: Reading,
  { deviceId }: EnrollingDevice,
  ofKind: readonly Credential[],
): void {
  const since = new Date(now.getTime() - dayMs).toISOString();
  const keys = new Set(ofKind.filter((row) => row.intended_at > since).map((row) => row.public_key_sha256));
  if (keys.size >= limits.fieldKeysADay) throw tooManyKeys(deviceId, keys.size);
}

/** The same for keys that wait for people. @throws rate_limited */
async function requireFewRequests({ tx, now }: Reading, { deviceId }: EnrollingDevice): Promise<void> {
  const since = new Date(now.getTime() - dayMs).toISOString();
  const { rows } = await selectRequests(tx, { device_id: deviceId, since });
  if (rows.length >= limits.fieldKeysADay) throw tooManyKeys(deviceId, rows.length);
}

function tooManyKeys(deviceId: string, keys: number): ImprintError {
  return new ImprintError('rate_limited', `${deviceId} asked with ${keys} keys within a day.`, {
    hint: 'Ask again tomorrow with a key that stays; a device that loses its keys is to be returned.',
  });
}

/** The key of another device is refused, and seen once a day: one of the two is not what it says. */
async function foreignKey(
  { tx, now }: Reading,
  known: KnownDevice,
  owner: string,
): Promise<Decision<Intended>> {
  const refusal: Refusal = {
    code: 'key_reused',
    message: 'this key belongs to another device',
    hint: 'Make a new key on the device, and ask with it.',
  };
  const detail = `${known.deviceId} presented the key of ${owner} for an enrolment`;
  const seen = await tx
    .selectFrom('alarm')
    .select('log_index')
    .where('kind', '=', 'foreign-identity')
    .where('subject', '=', known.credentialId)
    .where('raised_at', '>', new Date(now.getTime() - dayMs).toISOString())
    .limit(1)
    .executeTakeFirst();
  const alarm: Draft = {
    type: 'alarm.raised',
    actor: actorOf(known),
    data: { kind: 'foreign-identity', subject: known.credentialId, detail },
  };
  return { entries: seen === undefined ? [alarm] : [], reply: () => ({ kind: 'refused', refusal }) };
}

async function credentialsOf({ tx }: Reading, { deviceId }: EnrollingDevice): Promise<Credential[]> {
  return (await selectCredentials(tx, { device_id: deviceId })).rows;
}

const selectCredentials = statement<{ device_id: string }, Credential>((db, arg) =>
  db
    .selectFrom('credential')
    .selectAll()
    .where('device_id', '=', arg('device_id'))
    .orderBy('intended_at')
    .orderBy('credential_id'),
);

const selectRequests = statement<{ device_id: string; since: string }, { enrolment_id: string }>((db, arg) =>
  db
    .selectFrom('enrolment')
    .select('enrolment_id')
    .where('device_id', '=', arg('device_id'))
    .where('requested_at', '>', arg('since')),
);
