/** For tests: devices' certificates under a CA of one's own, CRLs signed by it, and the openssl command as a judge of both. */
import { execFileSync } from 'node:child_process';
import { type KeyObject, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issue } from '../issuing/issue.ts';
import type { Issuer } from '../issuing/issuer.ts';
import { prepareDevice } from '../issuing/prepare.ts';
import { type DeviceTerms, profileOf } from '../issuing/profile.ts';
import { spkiOf } from '../issuing/requests.test-kit.ts';
import { makeSerial } from '../issuing/serial.ts';
import { makeKey } from '../signer/software.ts';
import { complaint, inFolder, pem, type TestRealm, testNow } from '../trust/hierarchy.test-kit.ts';

export const deviceTerms: DeviceTerms = {
  v: 1,
  profile: 'idevid',
  realm: 'dev',
  organization: 'Example Devices',
  key_type: 'ec-p256',
  validity: 'forever',
  skew_minutes: 5,
  hardware_type_oid: '1.3.6.1.4.1.99999.1.1',
};

export interface IssuedDevice {
  key: KeyObject;
  serial: string;
  certificate: Uint8Array;
}

/** A device's certificate; what it says of revocation is the issuer's. */
export async function issueDevice(
  issuer: Issuer,
  terms: Partial<DeviceTerms> = {},
  now: Date = testNow,
): Promise<IssuedDevice> {
  const key = makeKey('ec-p256');
  const token = prepareDevice(
    issuer,
    profileOf({ ...deviceTerms, ...terms }),
    {
      deviceId: 'SN-00012345',
      hardwareUid: 'mcu-uid=0123ABCD',
      keyType: 'ec-p256',
      product: 'gateway',
      site: 'site-1',
      spki: spkiOf(key),
    },
    makeSerial(now, randomBytes),
    now,
  );
  const { certificate, serialHex } = await issue(token, issuer, { ...token });
  return { key, serial: serialHex, certificate };
}

/** The CRL as `openssl crl -text` shows it, once openssl has verified its signature under the CA's certificate. */
export function opensslCrlText(crl: Uint8Array, ca: Uint8Array): string {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'list.crl'), crl);
    writeFileSync(join(folder, 'ca.pem'), pem(ca));
    const verify = ['crl', '-inform', 'DER', '-in', 'list.crl', '-CAfile', 'ca.pem', '-noout'];
    const refused = complaint(folder, verify);
    if (!/^(verify OK\s*)?$/.test(refused)) throw new Error(refused);
    return execFileSync('openssl', [...verify, '-text'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 256 * 1024 * 1024,
    });
  });
}

/** What `openssl verify` says, with `-crl_check` (or `-crl_check_all`, which asks about the CA too), of a device's certificate: '' where it agrees, else its complaint. */
export function opensslCrlCheck(
  { hierarchy }: TestRealm,
  certificate: Uint8Array,
  crls: readonly Uint8Array[],
  at: Date = testNow,
  check: '-crl_check' | '-crl_check_all' = '-crl_check',
): string {
  return inFolder((folder) => {
    const { root, issuing } = hierarchy.certificates;
    writeFileSync(join(folder, 'leaf.pem'), pem(certificate));
    writeFileSync(join(folder, 'root.pem'), pem(root));
    writeFileSync(join(folder, 'issuing.pem'), pem(issuing));
    writeFileSync(join(folder, 'lists.pem'), crls.map(crlPem).join(''));
    const lists = crls.length > 0 ? ['-CRLfile', 'lists.pem'] : [];
    return complaint(folder, [
      ...['verify', '-x509_strict', check, '-attime', String(Math.floor(at.getTime() / 1000))],
      ...['-CAfile', 'root.pem', '-untrusted', 'issuing.pem', ...lists, 'leaf.pem'],
    ]);
  });
}

function crlPem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
}
