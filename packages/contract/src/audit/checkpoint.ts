/**
 * C2SP tlog-checkpoint in a C2SP signed-note: the log's signed size and root. It trusts a checkpoint only under a key
 * that the caller pins; signatures by other keys are carried and ignored. It never holds a private key.
 */

import { concatBytes, equalBytes, fromBase64, fromHex, toBase64, toHex, toUtf8 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { limits } from '../limits.ts';
import { verifySignature } from '../x509/signature.ts';
import { hashBytes } from './merkle.ts';

export interface TreeHead {
  /** Names the log for ever, such as `log.example.com/dev`; also the name of its key. */
  origin: string;
  size: number;
  root: Uint8Array;
}

export interface NoteSignature {
  name: string;
  /** Four bytes. */
  keyId: Uint8Array;
  signature: Uint8Array;
}

export interface Checkpoint extends TreeHead {
  /** The text that is signed, its last newline included. */
  body: string;
  signatures: NoteSignature[];
}

/** An Ed25519 key under which notes are verified. */
export interface VerifierKey {
  name: string;
  keyId: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
}

/** Gives the 64-byte Ed25519 signature over `message`; where the key lives is the caller's matter. */
export type NoteSigner = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;

const ed25519Algorithm = 0x01;
const maxSignatures = 64;

/**
 * The tree head that `key` signed. `checkpoint_invalid` where the text is malformed or no signature by that key stands
 * in it, `signature_wrong` where one does and does not verify. The origin must be the key's name.
 */
export function verifyCheckpoint(text: string, key: VerifierKey): Checkpoint {
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== key.name) {
    throw new ImprintError('checkpoint_invalid', 'The checkpoint is of another log than the key.', {
      hint: 'Use the verifier key of the log that this checkpoint names.',
      context: { origin: checkpoint.origin, key: key.name },
    });
  }
  const own = checkpoint.signatures.filter(
    (signature) => signature.name === key.name && equalBytes(signature.keyId, key.keyId),
  );
  if (own.length !== 1) {
    throw new ImprintError(
      'checkpoint_invalid',
      `The checkpoint bears ${own.length} signatures of the log's key.`,
      {
        hint: "Check that the verifier key is this log's; if it is, do not trust the checkpoint.",
        context: { key: key.name, keyId: toHex(key.keyId) },
      },
    );
  }
  if (!verifyNote(checkpoint.body, own[0]!.signature, key.publicKey)) {
    throw new ImprintError('signature_wrong', "The log's signature does not match the checkpoint.", {
      hint: 'Do not trust this checkpoint: it was changed, or forged. Keep it as evidence.',
      context: { origin: checkpoint.origin, size: checkpoint.size },
    });
  }
  return checkpoint;
}

/** The signed checkpoint as text, verified before it is given out: a signer with another key fails with `key_locked`. */
export async function signCheckpoint(head: TreeHead, key: VerifierKey, sign: NoteSigner): Promise<string> {
  const body = checkpointBody(head.origin, head.size, head.root);
  const signature = await sign(toUtf8(body));
  if (!verifyNote(body, signature, key.publicKey)) {
    throw new ImprintError('key_locked', "The log's signer and its verifier key do not belong together.", {
      hint: "Check that the key folder is this log's.",
      context: { key: key.name, keyId: toHex(key.keyId) },
    });
  }
  return `${body}\n${signatureLine(key.name, key.keyId, signature)}`;
}

/** The text that a log signs: origin, size and base64 root, a line each (C2SP tlog-checkpoint). */
export function checkpointBody(origin: string, size: number, root: Uint8Array): string {
  checkName(origin);
  if (!Number.isSafeInteger(size) || size < 0) throw invalid(`The size ${size} is not a whole number.`);
  if (root.length !== hashBytes) throw invalid(`A root hash has 32 bytes, not ${root.length}.`);
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** One signature line of a note, its newline included: em dash, key name, base64 of key ID and signature. */
export function signatureLine(name: string, keyId: Uint8Array, signature: Uint8Array): string {
  checkName(name);
  if (keyId.length !== 4) throw invalid(`A key ID has 4 bytes, not ${keyId.length}.`);
  return `\u2014 ${name} ${toBase64(concatBytes(keyId, signature))}\n`;
}

/**
 * A checkpoint's parts, unverified. `checkpoint_invalid` under the cap `noteBytes` for anything but three body lines, a blank
 * line and 1 to 64 signature lines: extension lines are refused, since no log of ours writes any.
 */
export function parseCheckpoint(text: string): Checkpoint {
  // a character is at most three bytes a code unit, so the cheap test stands before the copy
  if (text.length > limits.noteBytes || !text.isWellFormed() || toUtf8(text).length > limits.noteBytes) {
    throw invalid('A checkpoint is at most 16 KiB of UTF-8 text.');
  }
  const lines = text.split('\n');
  if (lines.pop() !== '') throw invalid('A checkpoint ends in a newline.');
  const [origin, sizeText, rootText, blank, ...signatureLines] = lines;
  if (origin === undefined || sizeText === undefined || rootText === undefined || blank !== '') {
    throw invalid('A checkpoint is three lines, a blank line and signatures.');
  }
  checkName(origin);
  const size = /^(0|[1-9][0-9]{0,15})$/.test(sizeText) ? Number(sizeText) : -1;
  if (!Number.isSafeInteger(size) || size < 0) throw invalid('The second line is not a size.');
  const root = fromBase64(rootText, 'checkpoint_invalid');
  const body = checkpointBody(origin, size, root);
  if (signatureLines.length < 1 || signatureLines.length > maxSignatures) {
    throw invalid(`A checkpoint has 1 to ${maxSignatures} signatures, not ${signatureLines.length}.`);
  }
  return { origin, size, root, body, signatures: signatureLines.map(parseSignatureLine) };
}

/** The key ID of an Ed25519 note key: the first four bytes of SHA-256(name || 0x0A || 0x01 || public key). */
export function noteKeyId(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(toUtf8(name), Uint8Array.of(0x0a, ed25519Algorithm), publicKey)).slice(0, 4);
}

/** A verifier key from its parts, the key ID computed. */
export function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  checkName(name);
  if (publicKey.length !== 32) throw invalid(`An Ed25519 public key has 32 bytes, not ${publicKey.length}.`);
  return { name, keyId: noteKeyId(name, publicKey), publicKey };
}

/** The text form of a verifier key: `name+<key ID, hex>+<base64 of 0x01 and the public key>`. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${toHex(key.keyId)}+${toBase64(concatBytes(Uint8Array.of(ed25519Algorithm), key.publicKey))}`;
}

/** The verifier key of its text form; another algorithm or a key ID that does not match is `checkpoint_invalid`. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = text.length <= 1024 ? /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) : null;
  if (match === null) throw invalidKey('A verifier key reads name+key ID+base64.');
  const encoded = fromBase64(match[3]!, 'checkpoint_invalid');
  if (encoded.length !== 33 || encoded[0] !== ed25519Algorithm)
    throw invalidKey('The verifier key is not Ed25519.');
  const key = verifierKey(match[1]!, encoded.slice(1));
  if (!equalBytes(key.keyId, fromHex(match[2]!)))
    throw invalidKey('The key ID does not match the verifier key.');
  return key;
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(line);
  if (match === null) throw invalid('A signature line reads: em dash, name, base64.');
  checkName(match[1]!);
  const bytes = fromBase64(match[2]!, 'checkpoint_invalid');
  if (bytes.length <= 4) throw invalid('A signature line holds a key ID and a signature.');
  return { name: match[1]!, keyId: bytes.slice(0, 4), signature: bytes.slice(4) };
}

function verifyNote(body: string, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return verifySignature({ type: 'ed25519', raw: publicKey }, toUtf8(body), signature);
}

/** Signed-note: a name is not empty and has neither Unicode spaces nor plus; control characters are refused as well. */
function checkName(name: string): void {
  if (name === '' || name.length > 256 || !name.isWellFormed() || /[\s\p{Z}\p{C}+]/u.test(name)) {
    throw invalid('A key name or origin is 1 to 256 characters without spaces, controls or plus signs.');
  }
}

function invalid(message: string): ImprintError {
  return new ImprintError('checkpoint_invalid', message, {
    hint: 'Fetch the checkpoint again from the log; do not edit it.',
  });
}

function invalidKey(message: string): ImprintError {
  return new ImprintError('checkpoint_invalid', message, {
    hint: "Give the log's verifier key: log.vkey, one line that begins with the log's name.",
  });
}
