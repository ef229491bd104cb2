/**
 * An authority to measure: a real home on a real disk with one enrolled station. The station is enrolled by the same
 * functions as any other; only the person who compares the fingerprints is played.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { collectEnrolment, confirmStation, requestEnrolment } from '@imprint/authority/stations/enrolment';
import { inviteStation } from '@imprint/authority/stations/invite';
import { trustedCas } from '@imprint/authority/trust/issuers';
import { toBase64 } from '@imprint/contract/bytes';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import { certificationRequest } from '@imprint/station/certification-request';
import { newRequestId as stationRequestId } from '@imprint/station/request-id';
import type { AuthorityConfiguration } from 'imprint/authority-home';
import type { KeyInToken } from 'imprint/ca-signers';
import { Child } from 'imprint/demo/child';
import { initAuthority } from 'imprint/init-authority';
import { type OpenAuthority, openAuthority, type UnlockedAuthority } from 'imprint/open-authority';

export const benchSite = 'site-1';
export const benchStation = 'st-1';
export const stationVersion = '0.1.0';
export const noConfiguration = '0'.repeat(64);
/** As a station makes them. */
export const newRequestId = (at = new Date()): string => stationRequestId(at, randomBytes);

/** What a TLS client needs to speak as the station, PEM. */
export interface StationIdentity {
  certificatePem: string;
  keyPem: string;
  authorityCaPem: string;
}

/** An authority that is open in this process. */
export interface AuthorityHome {
  folder: string;
  authority: OpenAuthority;
  unlocked: UnlockedAuthority;
  /** SHA-256 of the device CA's certificate, which is also the chain's: there is one CA. */
  issuerSha256: string;
}

export interface BenchHome extends AuthorityHome {
  identity: StationIdentity;
}

/**
 * Makes the home in `folder`/authority, with its database in a file or at a URL, whatever else its configuration has, and its issuing key
 * sealed or in a token, and leaves it open in this process.
 */
export async function makeBenchHome(
  folder: string,
  database?: string,
  more: Partial<AuthorityConfiguration> = {},
  issuingKey?: KeyInToken,
): Promise<BenchHome> {
  const home = join(folder, 'authority');
  const configuration = {
    version: 1,
    realm: 'dev',
    organization: 'Example Devices',
    log_origin: 'imprint.local/bench',
    hosts: [],
    listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
    minimum_station_version: stationVersion,
    ...(database === undefined ? {} : { database }),
    ...more,
  } satisfies AuthorityConfiguration;
  await initAuthority(home, configuration, undefined, issuingKey);
  const authority = await openAuthority(home, { pinFile: issuingKey?.pinFile });
  const unlocked = await authority.unlock();
  return {
    folder: home,
    authority,
    unlocked,
    issuerSha256: await issuerOf(authority),
    identity: await enrolStation(authority, unlocked, benchStation),
  };
}

/** Makes the home, measures on it, and closes it. */
export async function withBenchHome<T>(
  folder: string,
  say: (sentence: string) => void,
  measure: (home: BenchHome) => Promise<T>,
  more: Partial<AuthorityConfiguration> = {},
): Promise<T> {
  say(`an authority in ${folder}`);
  const home = await makeBenchHome(folder, undefined, more);
  try {
    return await measure(home);
  } finally {
    await home.authority.close();
  }
}

/** Opens a home that was made before. */
export async function openHome(folder: string): Promise<AuthorityHome> {
  const authority = await openAuthority(folder);
  const unlocked = await authority.unlock();
  return { folder, authority, unlocked, issuerSha256: await issuerOf(authority) };
}

async function issuerOf({ ledger }: OpenAuthority): Promise<string> {
  return sha256Hex((await trustedCas(ledger.reader, 'device'))[0]!);
}

/** The home's listeners in a process of their own, as `imprint serve` starts them. */
export async function serve(home: {
  folder: string;
}): Promise<{ url: string; publicUrl: string; process: Child }> {
  const process = new Child('serve', ['serve', '--home', home.folder, '--json']);
  const ready = await process.next(({ event }) => event === 'ready');
  return { url: String(ready.station), publicUrl: String(ready.public), process };
}

/** Enrols a station with as many lanes as a station may have. */
export async function enrolStation(
  authority: OpenAuthority,
  { stations }: UnlockedAuthority,
  stationId: string,
): Promise<StationIdentity> {
  const { person } = authority;
  const { token } = await inviteStation(stations, person, {
    stationId,
    site: benchSite,
    line: 'line-1',
    lanes: limits.lanesPerStation,
    // the listener's port is not known yet, and nobody follows this address
    url: 'https://127.0.0.1:1',
  });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr_b64 = toBase64(certificationRequest(stationId, publicKey, privateKey));
  const request = { token: parseEnrolmentToken(token).secret, csr_b64 };
  const { public_key_sha256 } = await requestEnrolment(stations, request);
  await confirmStation(stations, person, stationId, public_key_sha256);
  const { certificate_pem, chain_pem } = await collectEnrolment(stations, request);
  return {
    certificatePem: certificate_pem! + chain_pem!,
    keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    authorityCaPem: toPem('CERTIFICATE', stations.stationRoot),
  };
}
