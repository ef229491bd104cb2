/**
 * The first half of issuing: builds the bytes, lints them, and hands out a token that stands for exactly these bytes and
 * can be used once. Whoever holds no token can sign nothing; between the halves the intent is made durable.
 */
import { hash } from 'node:crypto';
import { ImprintError } from '@imprint/contract/errors';
import type { Issuer } from './issuer.ts';
import {
  type Expectation,
  expectDevice,
  expectDeviceServer,
  expectResponder,
  expectStation,
  lintTbs,
} from './lint.ts';
import { buildDeviceTbs, type DeviceFacts, type DeviceProfile } from './profile.ts';
import { buildResponderTbs, type ResponderProfile } from './responder-profile.ts';
import { buildDeviceServerTbs, type DeviceServerProfile } from './server-profile.ts';
import { buildStationTbs, type StationFacts, type StationProfile } from './station-profile.ts';

const mint = Symbol('only this module makes a PreparedCertificate');

/** Linted bytes that may be signed once. Its public fields are what the intent records. */
export class PreparedCertificate {
  readonly serialHex: string;
  readonly tbsSha256: string;
  readonly profileSha256: string;
  readonly issuerSha256: string;
  readonly publicKeySha256: string;
  /** ISO 8601 with milliseconds. */
  readonly notBefore: string;
  readonly notAfter: string;
  #tbs: Uint8Array | undefined;

  constructor(key: typeof mint, tbs: Uint8Array, profileSha256: string, expected: Expectation) {
    if (key !== mint) throw new TypeError('a PreparedCertificate comes from prepare');
    const linted = lintTbs(tbs, expected);
    this.#tbs = tbs;
    this.serialHex = linted.serialHex;
    this.tbsSha256 = hash('sha256', tbs, 'hex');
    this.profileSha256 = profileSha256;
    this.issuerSha256 = expected.issuer.certificate.sha256;
    this.publicKeySha256 = hash('sha256', linted.publicKey.spki, 'hex');
    this.notBefore = linted.notBefore;
    this.notAfter = linted.notAfter;
    Object.freeze(this);
  }

  /** For `issue` alone: gives the bytes out once. */
  static take(token: PreparedCertificate): Uint8Array {
    const tbs = #tbs in token ? token.#tbs : undefined;
    if (tbs === undefined) {
      throw new ImprintError(
        'intent_uncertain',
        'This certificate was prepared elsewhere, or was signed already.',
        {
          hint: 'Close its intent as revoked and prepare a new certificate.',
        },
      );
    }
    token.#tbs = undefined;
    return tbs;
  }
}

/**
 * Prepares a device's birth certificate under a serial from {@link makeSerial}.
 * @throws lint_refused, clock_untrusted, key_unsupported where the key is not of the contract's type; bad_request
 */
export function prepareDevice(
  issuer: Issuer,
  profile: DeviceProfile,
  facts: DeviceFacts,
  serial: Uint8Array,
  now: Date,
): PreparedCertificate {
  if (facts.keyType !== profile.terms.key_type) {
    throw new ImprintError('key_unsupported', `The contract asks for a ${profile.terms.key_type} key.`, {
      hint: `The unit made a ${facts.keyType} key: check that its firmware is this product's.`,
      context: { found: facts.keyType, wanted: profile.terms.key_type },
    });
  }
  const tbs = buildDeviceTbs(issuer, profile, facts, serial, now);
  return new PreparedCertificate(
    mint,
    tbs,
    profile.sha256,
    expectDevice(issuer, profile, facts, serial, now),
  );
}

/** Prepares a station's certificate. @throws lint_refused, clock_untrusted */
export function prepareStation(
  issuer: Issuer,
  profile: StationProfile,
  facts: StationFacts,
  serial: Uint8Array,
  now: Date,
): PreparedCertificate {
  const tbs = buildStationTbs(issuer, profile, facts, serial, now);
  return new PreparedCertificate(
    mint,
    tbs,
    profile.sha256,
    expectStation(issuer, profile, facts, serial, now),
  );
}

/** Prepares the certificate of a key that answers OCSP. @throws lint_refused, clock_untrusted */
export function prepareResponder(
  issuer: Issuer,
  profile: ResponderProfile,
  spki: Uint8Array,
  serial: Uint8Array,
  now: Date,
): PreparedCertificate {
  const tbs = buildResponderTbs(issuer, profile, spki, serial, now);
  return new PreparedCertificate(
    mint,
    tbs,
    profile.sha256,
    expectResponder(issuer, profile, spki, serial, now),
  );
}

/** Prepares the certificate of a key under which devices reach this authority. @throws lint_refused, clock_untrusted */
export function prepareDeviceServer(
  issuer: Issuer,
  profile: DeviceServerProfile,
  spki: Uint8Array,
  serial: Uint8Array,
  now: Date,
): PreparedCertificate {
  const tbs = buildDeviceServerTbs(issuer, profile, spki, serial, now);
  return new PreparedCertificate(
    mint,
    tbs,
    profile.sha256,
    expectDeviceServer(issuer, profile, spki, serial, now),
  );
}
