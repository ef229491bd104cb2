/** A certification request (PKCS #10, RFC 2986) for a key that this process holds: the station's own, never a unit's. */
import { type KeyObject, sign } from 'node:crypto';
import { derBitString, derExplicit, derInteger, derSequence } from '@imprint/contract/x509/der-writer';
import { encodeName } from '@imprint/contract/x509/name';
import { parsePublicKey } from '@imprint/contract/x509/public-key';
import { signatureAlgorithm } from '@imprint/contract/x509/signature';

const digests = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null } as const;

/** DER. The subject is a courtesy: the authority takes nothing from a request but the key and its proof. */
export function certificationRequest(
  commonName: string,
  publicKey: KeyObject,
  privateKey: KeyObject,
): Uint8Array {
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const { type } = parsePublicKey(spki);
  const info = derSequence(
    derInteger(0),
    encodeName([{ type: 'commonName', value: commonName }]),
    spki,
    derExplicit(0),
  );
  const signature = new Uint8Array(sign(digests[type], info, privateKey));
  return derSequence(info, signatureAlgorithm[type], derBitString(signature));
}
