/** The request of a device for a certificate (RFC 2986): its key, and the proof that it has it. What it is called is the registry's to say. */
import { toUtf8 } from '@imprint/contract/bytes';
import {
  derBitString,
  derElement,
  derExplicit,
  derInteger,
  derOid,
  derSequence,
  derSetOf,
} from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';
import type { DeviceKey } from './key-slot.ts';

const challengePassword = '1.2.840.113549.1.9.7';
const printableString = 0x13;

/**
 * A PKCS #10 request, DER.
 * @param binding base64 of what the TLS connection is known by (RFC 7030 section 3.5), where the request is bound to one
 */
export async function makeCertificationRequest(
  key: DeviceKey,
  deviceId: string,
  binding?: string,
): Promise<Uint8Array> {
  const attributes =
    binding === undefined
      ? []
      : [derSequence(derOid(challengePassword), derSetOf(derElement(printableString, toUtf8(binding))))];
  const info = derSequence(
    derInteger(0),
    encodeName([{ type: 'serialNumber', value: deviceId }]),
    key.spki,
    derExplicit(0, ...attributes),
  );
  return derSequence(info, signatureAlgorithm[key.type], derBitString(await key.sign(info)));
}
