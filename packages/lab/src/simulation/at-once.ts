/**
 * Makes OpenSSL's verifications in this process happen at once instead of on libuv's pool, whose threads finish in an order
 * that no seed decides, and each of them once: unit, station and authority all look at the same signatures of the same few CAs.
 * Imported for that effect before anything else; the arithmetic and its verdict are the same.
 */
import crypto, { type KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const { verify } = crypto;

type Callback = (error: Error | null, valid: boolean) => void;

/** By key; what was found is the verdict on these bytes under this key, for ever. */
const verdicts = new Map<string, boolean>();
const keptVerdicts = 4_096;
const keyNames = new WeakMap<object, string>();

function verdict(
  algorithm: string | null | undefined,
  data: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  // with its length before the signature, no two triples have one name
  const name = `${algorithm} ${signature.length} ${nameOf(key)}${latin1(signature)}${latin1(data)}`;
  const known = verdicts.get(name);
  if (known !== undefined) return known;
  const found = verify(algorithm, data, key, signature);
  if (verdicts.size >= keptVerdicts) verdicts.clear();
  verdicts.set(name, found);
  return found;
}

function nameOf(key: KeyObject): string {
  let name = keyNames.get(key);
  if (name === undefined) {
    name = key.export({ format: 'der', type: 'spki' }).toString('latin1');
    keyNames.set(key, name);
  }
  return name;
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, length).toString('latin1');
}

crypto.verify = ((algorithm, data, key, signature, callback?: Callback) => {
  const decide = () => verdict(algorithm, data as Uint8Array, key as KeyObject, signature as Uint8Array);
  if (callback === undefined) return decide();
  let answer: [Error | null, boolean];
  try {
    answer = [null, decide()];
  } catch (error) {
    answer = [error as Error, false];
  }
  queueMicrotask(() => callback(...answer));
}) as typeof verify;
syncBuiltinESMExports();
