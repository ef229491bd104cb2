/**
 * A finished unit's record to break: the published test vectors, and receipts that a log of ours signs whatever their entry says, so
 * that changes get past the log's signature and reach what stands behind it.
 */
import { readFileSync } from 'node:fs';
import {
  checkpointBody,
  parseVerifierKey,
  signatureLine,
  verifierKey,
} from '@imprint/contract/audit/checkpoint';
import { witnessKey } from '@imprint/contract/audit/cosignature';
import { leafHash } from '@imprint/contract/audit/merkle';
import { concatBytes, fromBase64, fromUtf8, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { sha256Hex } from '@imprint/contract/hash';
import { ed25519 } from '@noble/curves/ed25519.js';

const vectors = JSON.parse(
  readFileSync(new URL('../../../contract/src/audit/vectors.json', import.meta.url), 'utf8'),
);

export const sampleCheckpoint: string = vectors.checkpoint.text;
export const checkpointKey = parseVerifierKey(vectors.checkpoint.verifier_key);
export const sampleReceipt: string = vectors.receipt.receipt;
export const receiptLogKey = parseVerifierKey(vectors.receipt.log_key);
export const receiptRoot = fromBase64(vectors.receipt.root_b64);

const ownSecret = new Uint8Array(32).fill(7);
/** The log that signs whatever it is given. */
export const ownLogKey = verifierKey('log.example.com/fuzz', ed25519.getPublicKey(ownSecret));

const receiptValue = JSON.parse(sampleReceipt);

/** The entries of the vectors as values, the completed job first. */
export function sampleEntries(): Record<string, unknown>[] {
  const completed = JSON.parse(fromUtf8(fromBase64(receiptValue.entry_b64)));
  return [completed, JSON.parse(vectors.entry.text)];
}

/** A checkpoint of our own log. */
export function signedCheckpoint(size: number, root: Uint8Array): string {
  const body = checkpointBody(ownLogKey.name, size, root);
  return `${body}\n${signatureLine(ownLogKey.name, ownLogKey.keyId, ed25519.sign(toUtf8(body), ownSecret))}`;
}

const witnessSecret = new Uint8Array(32).fill(8);
export const ownWitnessKey = witnessKey('witness.example.com/fuzz', ed25519.getPublicKey(witnessSecret));
export const signAsWitness = (message: Uint8Array) => ed25519.sign(message, witnessSecret);

/** The note with the word of our own witness at `time`. */
export function cosignedCheckpoint(note: string, time: number): string {
  const stamp = new Uint8Array(8);
  new DataView(stamp.buffer).setBigUint64(0, BigInt(time));
  const said = `cosignature/v1\ntime ${time}\n${note.split('\n\n')[0]}\n`;
  const word = concatBytes(stamp, signAsWitness(toUtf8(said)));
  return note + signatureLine(ownWitnessKey.name, ownWitnessKey.keyId, word);
}

/** A receipt for these bytes as the only entry of our own log. */
export function receiptValueFor(entry: Uint8Array): Record<string, unknown> {
  return {
    ...receiptValue,
    entry_b64: toBase64(entry),
    index: 0,
    inclusion_proof: [],
    checkpoint: signedCheckpoint(1, leafHash(entry)),
  };
}

/** The completed job, as our own log would have it. */
export function ownEntry(): Record<string, unknown> {
  const [completed] = sampleEntries();
  Object.assign(completed!.data as object, { log_id: sha256Hex(ownLogKey.publicKey) });
  return completed!;
}
