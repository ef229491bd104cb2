/**
 * C2SP tlog-cosignature (`cosignature/v1`, Ed25519): a witness's dated word that a checkpoint continues all that it cosigned
 * before. It trusts a cosignature only under a key that the caller pins, and never holds a private key.
 */
import { concatBytes, equalBytes, fromBase64, fromHex, toBase64, toHex, toUtf8 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { verifySignature } from '../x509/signature.ts';
import {
  type Checkpoint,
  type NoteSigner,
  signatureLine,
  type VerifierKey,
  verifierKey,
} from './checkpoint.ts';

const cosignatureAlgorithm = 0x04;
const timeBytes = 8;

/**
 * When, in seconds since 1970, the witness of `key` cosigned this checkpoint.
 * @throws checkpoint_invalid where not exactly one cosignature of that key stands in it, signature_wrong where it does not verify
 */
export function verifyCosignature(checkpoint: Checkpoint, key: VerifierKey): number {
  const own = checkpoint.signatures.filter(
    (signature) => signature.name === key.name && equalBytes(signature.keyId, key.keyId),
  );
  if (own.length !== 1) {
    throw invalid(`The checkpoint bears ${own.length} cosignatures of the witness ${key.name}.`);
  }
  const { signature } = own[0]!;
  if (signature.length !== timeBytes + 64) throw invalid('A cosignature holds a time and 64 bytes.');
  const time = Number(new DataView(signature.buffer, signature.byteOffset, timeBytes).getBigUint64(0));
  const witness = { type: 'ed25519', raw: key.publicKey } as const;
  const isGenuine =
    Number.isSafeInteger(time) &&
    verifySignature(witness, cosignedBytes(checkpoint.body, time), signature.slice(timeBytes));
  if (!isGenuine) {
    throw new ImprintError('signature_wrong', "The witness's cosignature does not match the checkpoint.", {
      hint: 'Do not trust this checkpoint: it was changed, or forged. Keep it as evidence.',
      context: { witness: key.name, size: checkpoint.size },
    });
  }
  return time;
}

/** The signature line of a witness over a checkpoint's `body` at `time` (seconds since 1970), its newline included. */
export async function cosign(
  body: string,
  time: number,
  key: VerifierKey,
  sign: NoteSigner,
): Promise<string> {
  if (!Number.isSafeInteger(time) || time < 0) throw invalid(`The time ${time} is not in whole seconds.`);
  const stamp = new Uint8Array(timeBytes);
  new DataView(stamp.buffer).setBigUint64(0, BigInt(time));
  const signature = await sign(cosignedBytes(body, time));
  return signatureLine(key.name, key.keyId, concatBytes(stamp, signature));
}

/** A witness's key from its parts; its ID is the first four bytes of SHA-256(name || 0x0A || 0x04 || public key). */
export function witnessKey(name: string, publicKey: Uint8Array): VerifierKey {
  const { publicKey: checked } = verifierKey(name, publicKey);
  const id = sha256(concatBytes(toUtf8(name), Uint8Array.of(0x0a, cosignatureAlgorithm), checked));
  return { name, keyId: id.slice(0, 4), publicKey: checked };
}

/** The text form of a witness's key: `name+<key ID, hex>+<base64 of 0x04 and the public key>`. */
export function formatWitnessKey(key: VerifierKey): string {
  return `${key.name}+${toHex(key.keyId)}+${toBase64(concatBytes(Uint8Array.of(cosignatureAlgorithm), key.publicKey))}`;
}

/** The key of its text form; a log's key, or a key ID that does not match, is `checkpoint_invalid`. */
export function parseWitnessKey(text: string): VerifierKey {
  const match = text.length <= 1024 ? /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) : null;
  if (match === null) throw invalid("A witness's key reads name+key ID+base64.");
  const encoded = fromBase64(match[3]!, 'checkpoint_invalid');
  if (encoded.length !== 33 || encoded[0] !== cosignatureAlgorithm) {
    throw invalid("This is not a witness's Ed25519 key.");
  }
  const key = witnessKey(match[1]!, encoded.slice(1));
  if (!equalBytes(key.keyId, fromHex(match[2]!)))
    throw invalid("The key ID does not match the witness's key.");
  return key;
}

function cosignedBytes(body: string, time: number): Uint8Array {
  return toUtf8(`cosignature/v1\ntime ${time}\n${body}`);
}

function invalid(message: string): ImprintError {
  return new ImprintError('checkpoint_invalid', message, {
    hint: "Check that the key is this witness's, and fetch the checkpoint from it again.",
  });
}
