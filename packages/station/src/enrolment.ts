/**
 * How a station joins: it makes its key here, shows its one-time token to the authority that the token pins, and waits until
 * a person has compared the key's fingerprint on both screens. The key and the token are in no argument list and no message.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes, toBase64 } from '@imprint/contract/bytes';
import { type EnrolmentToken, parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { fromPem } from '@imprint/contract/x509/pem';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { certificationRequest } from './certification-request.ts';
import { HttpsAuthorityClient } from './https-authority-client.ts';
import { pinnedCertificate } from './pinned-certificate.ts';
import {
  type LaneSettings,
  makeStationFolder,
  type StationSettings,
  stationFiles,
  writeOwn,
} from './station-home.ts';
import { sleep, type Timers } from './timers.ts';

const pollMs = 2_000;

export interface EnrolmentOptions {
  folder: string;
  /** The one line that the authority wrote. */
  token: string;
  lanes?: LaneSettings[];
  timers: Timers;
  /** How long to wait for the person; the token ends it earlier. */
  patienceMs?: number;
  /** Shows the fingerprint (64 hex digits) to the person who compares it. */
  show(fingerprint: string, stationId: string): void;
}

/**
 * Enrols this machine; broken off, it goes on with the same key when it is called again. Gives what it wrote.
 * @throws home_exists, token_invalid, unavailable, certificate_refused, station_pending where nobody confirmed in time
 */
export async function enrolStation(options: EnrolmentOptions): Promise<StationSettings> {
  const { folder } = options;
  if (existsSync(join(folder, stationFiles.settings))) {
    throw new ImprintError('home_exists', `${folder} is the folder of an enrolled station already`, {
      hint: 'Choose another folder, or move this one away if the station is to be enrolled anew.',
    });
  }
  const token = parseEnrolmentToken(options.token);
  makeStationFolder(folder);
  const key = ownKey(join(folder, stationFiles.key));
  const publicKey = createPublicKey(key);
  const fingerprint = sha256Hex(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })));

  const authorityCaPem = await pinnedCertificate(token.url, token.pin_sha256);
  const client = new HttpsAuthorityClient({ url: token.url, authorityCaPem });
  try {
    const csr_b64 = toBase64(certificationRequest(token.station_id, publicKey, key));
    const request = { token: token.secret, csr_b64 };
    const asked = await client.call('requestEnrolment', {}, request);
    if (asked.public_key_sha256 !== fingerprint || asked.station_id !== token.station_id) {
      throw new ImprintError('token_invalid', 'the authority answered for another key or station', {
        hint: 'Stop. Call the person who wrote the token.',
      });
    }
    options.show(fingerprint, token.station_id);
    const certificatePem = await collect(client, request, options);
    checkCertificate(certificatePem, token, authorityCaPem, publicKey);
    writeOwn(join(folder, stationFiles.authorityCa), authorityCaPem);
    writeOwn(join(folder, stationFiles.certificate), certificatePem);
  } finally {
    await client.close();
  }
  const settings: StationSettings = {
    station_version: 1,
    realm: token.realm,
    station_id: token.station_id,
    authority_url: token.url,
    authority_ca_file: stationFiles.authorityCa,
    certificate_file: stationFiles.certificate,
    key_file: stationFiles.key,
    lanes: options.lanes ?? [],
  };
  // The last file: without it the folder is no station's, and enrolling goes on.
  writeOwn(join(folder, stationFiles.settings), `${JSON.stringify(settings, null, 2)}\n`);
  return settings;
}

/** The station's own key; one that an enrolment made that was broken off is taken up again. */
function ownKey(path: string): KeyObject {
  if (existsSync(path)) return createPrivateKey(readFileSync(path));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeOwn(path, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
  return privateKey;
}

/** Leaf and issuing certificates, PEM, once a person has confirmed the key. */
async function collect(
  client: HttpsAuthorityClient,
  request: { token: string; csr_b64: string },
  { timers, patienceMs = 30 * 60_000 }: EnrolmentOptions,
): Promise<string> {
  const untilMs = timers.nowMs() + patienceMs;
  while (timers.nowMs() < untilMs) {
    try {
      const answer = await client.call('collectEnrolment', {}, request);
      if (answer.certificate_pem !== null) return answer.certificate_pem + (answer.chain_pem ?? '');
    } catch (error) {
      if (!isImprintError(error, 'unavailable', 'rate_limited')) throw error;
    }
    await sleep(timers, pollMs);
  }
  throw new ImprintError('station_pending', 'nobody has confirmed the fingerprint yet', {
    hint: 'Run the same command again; it goes on with the same key while the token is valid.',
  });
}

/** The certificate is for this key and this station, and stands under the certificate that the token pins. */
function checkCertificate(pem: string, token: EnrolmentToken, rootPem: string, publicKey: KeyObject): void {
  const [root] = fromPem('CERTIFICATE', rootPem, 1);
  const [leaf, ...issuers] = fromPem('CERTIFICATE', pem);
  const chain = [leaf!, ...issuers.filter((der) => !equalBytes(der, root!))];
  const begins = [...chain, root!].map((der) => parseCertificate(der).notBefore).sort();
  const verified = verifyChain({
    chain,
    root: root!,
    // This machine's clock says nothing (I-30); whether the certificate is valid now, the authority decides.
    at: begins.at(-1)!,
    realm: token.realm,
    purpose: 'station',
  });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  if (verified.id !== token.station_id || !equalBytes(verified.publicKey.spki, spki)) {
    throw new ImprintError(
      'certificate_refused',
      'the authority gave a certificate for another station or key',
      {
        hint: 'Stop. Call the person who wrote the token.',
      },
    );
  }
}
