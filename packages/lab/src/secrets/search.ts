/**
 * Finds secrets in bytes, thousands of forms in one pass. It trusts no format: line breaks, blanks, colons and escaped
 * line breaks are taken out in a second look, so that PEM, a dump in columns or JSON around PEM hides nothing.
 */
import { type Form, formsOf, leastBytes } from './forms.ts';

/** Something that must stay where it is. */
export interface Secret {
  /** What it is, for people: `station key of st-1`. Never the secret itself. */
  name: string;
  kind: string;
  /** Each of these gives it away: a scalar, a passphrase as text and as bytes. */
  values: Uint8Array[];
}

/** Bytes that a run left somewhere. */
export interface Place {
  name: string;
  kind: string;
  bytes: Uint8Array;
}

export interface Hit<S extends Secret = Secret> {
  secret: S;
  place: Place;
  /** As what it stands there. */
  form: string;
}

interface Needle<S> {
  secret: S;
  form: Form;
}

const tableBits = 22;

export class SecretSearch<S extends Secret> {
  readonly #byHash = new Map<number, Needle<S>[]>();
  /** One bit's worth of the map, so that most positions cost one look. */
  readonly #present = new Uint8Array(2 ** tableBits);

  constructor(secrets: readonly S[]) {
    for (const secret of secrets) {
      for (const form of secret.values.flatMap(formsOf)) this.#add({ secret, form });
    }
  }

  /** Each secret that stands in the place, once, with the first form that was seen. */
  in(place: Place): Hit<S>[] {
    const found = new Map<S, string>();
    this.#look(place.bytes, found);
    this.#look(squeezed(place.bytes), found);
    return [...found].map(([secret, form]) => ({ secret, place, form }));
  }

  #add(needle: Needle<S>): void {
    const { bytes } = needle.form;
    const hash = hashOf(bytes.readInt32BE(0), bytes.readInt32BE(4));
    const others = this.#byHash.get(hash);
    if (others === undefined) this.#byHash.set(hash, [needle]);
    else others.push(needle);
    this.#present[hash] = 1;
  }

  #look(bytes: Uint8Array, found: Map<S, string>): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let [first, second] = [0, 0];
    for (let end = 0; end < view.length; end++) {
      if (end >= 4) first = (first << 8) | view[end - 4]!;
      second = (second << 8) | view[end]!;
      const hash = hashOf(first, second);
      if (this.#present[hash] === 0 || end < leastBytes - 1) continue;
      for (const { secret, form } of this.#byHash.get(hash)!) {
        const start = end - leastBytes + 1;
        if (!found.has(secret) && form.bytes.equals(view.subarray(start, start + form.bytes.length))) {
          found.set(secret, form.name);
        }
      }
    }
  }
}

/** Of eight bytes, as two words. */
function hashOf(first: number, second: number): number {
  const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> (32 - tableBits);
}

/** The same without blanks, control characters, colons and backslash escapes of line breaks. */
function squeezed(bytes: Uint8Array): Uint8Array {
  const kept = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte <= 0x20 || byte === 0x3a) continue;
    if (byte === 0x5c) {
      const escaped = bytes[at + 1];
      if (escaped === 0x6e || escaped === 0x72 || escaped === 0x74) at++;
      continue;
    }
    kept[length++] = byte;
  }
  return kept.subarray(0, length);
}
