/**
 * Verifies a unit's signature with OpenSSL. Which encodings are a signature at all the contract decides:
 * what this accepts, whoever verifies the receipt with the contract's own verifier accepts too.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import type { KeyType } from '@imprint/contract/x509/public-key';
import { isStrictSignature } from '@imprint/contract/x509/signature';
import { digestOf } from '../signer/key-type.ts';
import type { ActiveCredential } from './job.ts';

interface ImportedKey {
  type: KeyType;
  key: KeyObject;
}

/** Units in work at once, with room: a key is used some three times within minutes. */
const keptKeys = 4_096;
const imported = new Map<string, ImportedKey>();

/** True where the key of this certificate signed exactly these bytes. */
export function verifyUnder(
  credential: Pick<ActiveCredential, 'certificate' | 'certificate_sha256'>,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { type, key } = keyOf(credential);
  return isStrictSignature(type, signature) && verify(digestOf(type), bytes, key, signature);
}

/** The certificate's key, imported once: that costs as much as a verification. */
function keyOf({
  certificate,
  certificate_sha256,
}: Pick<ActiveCredential, 'certificate' | 'certificate_sha256'>): ImportedKey {
  const kept = imported.get(certificate_sha256);
  if (kept) return kept;
  const { publicKey } = parseCertificate(certificate);
  const fresh = {
    type: publicKey.type,
    key: createPublicKey({ key: Buffer.from(publicKey.spki), format: 'der', type: 'spki' }),
  };
  if (imported.size >= keptKeys) imported.clear();
  imported.set(certificate_sha256, fresh);
  return fresh;
}
