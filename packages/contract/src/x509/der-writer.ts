/**
 * Writes DER, one allocation for each element, so that the issuing path can afford it. It is for our own values: what it
 * cannot encode is a fault of the caller (`internal`), save for text and times (`bad_request`).
 */

import { toUtf8 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { compareEncodings, contextTag, derTag } from './der.ts';

const empty = new Uint8Array(0);

/** An element of any tag around its content, which may come in parts. */
export function derElement(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of content) length += part.length;
  const lengthOctets =
    length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4;
  if (length > 0x7fff_ffff)
    throw new ImprintError('internal', `A DER element of ${length} bytes is too long.`);
  const bytes = new Uint8Array(2 + lengthOctets + length);
  bytes[0] = tag;
  bytes[1] = lengthOctets === 0 ? length : 0x80 | lengthOctets;
  for (let at = 0; at < lengthOctets; at++) bytes[2 + at] = length >> (8 * (lengthOctets - 1 - at));
  let at = 2 + lengthOctets;
  for (const part of content) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(derTag.sequence, ...elements);
}

/** A SET OF, sorted as X.690 section 11.6 asks. */
export function derSetOf(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(derTag.set, ...(elements.length > 1 ? elements.toSorted(compareEncodings) : elements));
}

/** EXPLICIT context tag `number` around whole elements; also an IMPLICIT one over a constructed type. */
export function derExplicit(number: number, ...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(contextTag(number, true), ...elements);
}

/** IMPLICIT context tag `number` over the content octets of a primitive type. */
export function derImplicit(number: number, content: Uint8Array): Uint8Array {
  return derElement(contextTag(number, false), content);
}

const derTrue = Uint8Array.of(derTag.boolean, 1, 0xff);
const derFalse = Uint8Array.of(derTag.boolean, 1, 0);

export function derBoolean(value: boolean): Uint8Array {
  return value ? derTrue : derFalse;
}

/** A non-negative INTEGER: a safe integer, or big-endian octets with or without leading zeros. */
export function derInteger(value: number | Uint8Array): Uint8Array {
  const octets = typeof value === 'number' ? octetsOf(value) : value;
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const minimal = octets.length === 0 ? Uint8Array.of(0) : octets.subarray(start);
  return minimal[0]! >= 0x80
    ? derElement(derTag.integer, Uint8Array.of(0), minimal)
    : derElement(derTag.integer, minimal);
}

/** An OBJECT IDENTIFIER of its dotted form. Costly: callers keep the result as a constant. */
export function derOid(dotted: string): Uint8Array {
  const arcs = /^[0-2](\.(0|[1-9][0-9]*))+$/.test(dotted) ? dotted.split('.').map(BigInt) : [];
  const [first, second, ...rest] = arcs;
  if (first === undefined || second === undefined || (first < 2n && second > 39n)) {
    throw new ImprintError('internal', `"${dotted}" is no object identifier.`);
  }
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const arcOctets = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) arcOctets.unshift(Number(left & 0x7fn) | 0x80);
    octets.push(...arcOctets);
  }
  return derElement(derTag.oid, Uint8Array.from(octets));
}

export const derNull: Uint8Array = derElement(derTag.null, empty);

export function derOctetString(...content: readonly Uint8Array[]): Uint8Array {
  return derElement(derTag.octetString, ...content);
}

const noUnusedBits = Uint8Array.of(0);

/** A BIT STRING of whole octets. */
export function derBitString(octets: Uint8Array): Uint8Array {
  return derElement(derTag.bitString, noUnusedBits, octets);
}

/** A named-bit BIT STRING without trailing zero bits, such as KeyUsage. */
export function derNamedBits(...bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return derElement(derTag.bitString, noUnusedBits);
  const highest = Math.max(...bits);
  const octets = new Uint8Array(1 + (highest >> 3) + 1);
  octets[0] = 7 - (highest & 7);
  for (const bit of bits) octets[1 + (bit >> 3)]! |= 0x80 >> (bit & 7);
  return derElement(derTag.bitString, octets);
}

export function derUtf8String(text: string): Uint8Array {
  return derElement(derTag.utf8String, toUtf8(text));
}

/** A PrintableString; a character outside its small alphabet (no `*`, `@`, `_`, `&`) is `bad_request`. */
export function derPrintableString(text: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) {
    throw new ImprintError('bad_request', 'The text has a character that a PrintableString cannot hold.', {
      hint: "Use letters, digits, spaces and '()+,-./:=? only.",
    });
  }
  return derElement(derTag.printableString, toUtf8(text));
}

/** The octets of an IA5String, for implicit tags such as those of a SAN; a character above 7F is `bad_request`. */
export function ia5Octets(text: string): Uint8Array {
  if (!/^[\x00-\x7f]*$/.test(text)) {
    throw new ImprintError('bad_request', 'The text has a character that is not ASCII.', {
      hint: 'Write internationalised names in their ASCII form.',
    });
  }
  return toUtf8(text);
}

/** A time of a certificate (RFC 5280 section 4.1.2.5): UTCTime from 1950 through 2049, else GeneralizedTime. Fractions of a second are dropped. */
export function derTime(iso: string): Uint8Array {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z$/.exec(iso);
  if (match === null || Number.isNaN(Date.parse(iso)) || iso < '1950') {
    throw new ImprintError('bad_request', 'The time is not ISO 8601 in UTC from 1950 on.', {
      hint: 'Write it like 2026-01-31T12:00:00Z.',
    });
  }
  const digits = match.slice(1).join('');
  return iso < '2050'
    ? derElement(derTag.utcTime, ia5Octets(`${digits.slice(2)}Z`))
    : derElement(derTag.generalizedTime, ia5Octets(`${digits}Z`));
}

function octetsOf(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ImprintError('internal', `${value} is no non-negative safe integer.`);
  }
  const octets: number[] = [];
  for (let left = value; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  return Uint8Array.from(octets);
}
