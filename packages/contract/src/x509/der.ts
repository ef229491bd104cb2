/**
 * A strict reader of DER (X.690): every value has exactly one encoding that passes. It trusts no byte: definite, minimal
 * lengths, a cap on bytes and depth, and work that is linear in the input. Every error names its offset.
 */

import { fromUtf8 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { oid } from './oid.ts';

/** Identifier octets of the types that Imprint reads and writes. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The identifier octet of context tag `number` (0 to 30). */
export function contextTag(number: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

const maxTextBytes = 4096;

/**
 * One element: its tag, and where it stands. Its bytes are made when they are asked for, since most elements are walked
 * through and never looked at.
 */
export class DerElement {
  readonly #source: Uint8Array;
  readonly tag: number;
  /** Offset of the identifier octet in the whole input, of the content, and of what comes after it. */
  readonly offset: number;
  readonly contentAt: number;
  readonly end: number;

  constructor(source: Uint8Array, tag: number, offset: number, contentAt: number, end: number) {
    this.#source = source;
    this.tag = tag;
    this.offset = offset;
    this.contentAt = contentAt;
    this.end = end;
  }

  /** Header and content: a view into the input, not a copy, as is {@link content}. */
  get bytes(): Uint8Array {
    return this.#source.subarray(this.offset, this.end);
  }

  get content(): Uint8Array {
    return this.#source.subarray(this.contentAt, this.end);
  }
}

/** Reads the elements of one constructed value in order. A reader that is left must have been read to its end: see {@link DerReader.end}. */
export class DerReader {
  readonly #source: Uint8Array;
  readonly #end: number;
  readonly #depth: number;
  #at: number;

  private constructor(source: Uint8Array, start: number, end: number, depth: number) {
    this.#source = source;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
  }

  /** A reader over `bytes`; more than `maxBytes` of them are refused before a byte is looked at. */
  static over(bytes: Uint8Array, maxBytes: number): DerReader {
    if (bytes.length > maxBytes) {
      throw derError(maxBytes, `DER of ${bytes.length} bytes is over the cap of ${maxBytes}.`);
    }
    return new DerReader(bytes, 0, bytes.length, 0);
  }

  get offset(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The identifier octet of the next element, `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.atEnd ? undefined : this.#source[this.#at];
  }

  /** The next element, whatever its tag. */
  any(): DerElement {
    const offset = this.#at;
    const tag = this.#octet(offset);
    if (tag === 0) throw derError(offset, 'Tag 0 is reserved.');
    if ((tag & 0x1f) === 0x1f) throw derError(offset, 'Tag numbers above 30 are not used here.');
    let contentAt = offset + 2;
    let length = this.#octet(offset + 1);
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0) throw derError(offset + 1, 'The length is indefinite.');
      if (count > 3) throw derError(offset + 1, 'The length has more than three octets.');
      length = 0;
      for (; contentAt < offset + 2 + count; contentAt++) length = length * 256 + this.#octet(contentAt);
      if (length < 0x80 || length < 256 ** (count - 1))
        throw derError(offset + 1, 'The length is not minimal.');
    }
    const end = contentAt + length;
    if (end > this.#end)
      throw derError(offset, `The element ends ${end - this.#end} bytes after what holds it.`);
    this.#at = end;
    return new DerElement(this.#source, tag, offset, contentAt, end);
  }

  /** The next element, which must have this tag. */
  element(tag: number): DerElement {
    if (this.nextTag !== tag) {
      const found = this.nextTag === undefined ? 'the end' : `tag ${hexOctet(this.nextTag)}`;
      throw derError(this.#at, `Tag ${hexOctet(tag)} was expected, and ${found} was found.`);
    }
    return this.any();
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.any() : undefined;
  }

  /** A reader over the elements inside a constructed (or wrapping) element that this reader gave. */
  inside(element: DerElement): DerReader {
    if (this.#depth >= limits.derDepth)
      throw derError(element.offset, `DER is nested deeper than ${limits.derDepth}.`);
    return new DerReader(this.#source, element.contentAt, element.end, this.#depth + 1);
  }

  /** A reader over the next element, which must have this tag (SEQUENCE by default). */
  enter(tag: number = derTag.sequence): DerReader {
    return this.inside(this.element(tag));
  }

  /** The elements of a SET OF, in ascending order of their encodings (X.690 section 11.6). */
  setOf(): DerElement[] {
    const reader = this.enter(derTag.set);
    const elements: DerElement[] = [];
    while (!reader.atEnd) {
      const element = reader.any();
      const before = elements.at(-1);
      if (before !== undefined && compareEncodings(before.bytes, element.bytes) > 0) {
        throw derError(element.offset, 'The elements of a SET OF are not sorted.');
      }
      elements.push(element);
    }
    return elements;
  }

  boolean(): boolean {
    return parseBoolean(this.element(derTag.boolean));
  }

  /** The content octets of an INTEGER: big-endian two's complement, minimal. */
  integer(): Uint8Array {
    return parseInteger(this.element(derTag.integer));
  }

  /** An INTEGER from 0 to 2^31 - 1. */
  smallInteger(): number {
    const offset = this.#at;
    const content = this.integer();
    if (content[0]! >= 0x80 || content.length > 4)
      throw derError(offset, 'The integer is not from 0 to 2^31 - 1.');
    return content.reduce((value, octet) => value * 256 + octet, 0);
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(): string {
    return parseOid(this.element(derTag.oid));
  }

  null(): void {
    const element = this.element(derTag.null);
    if (element.content.length !== 0) throw derError(element.offset, 'NULL has no content.');
  }

  octetString(): Uint8Array {
    return this.element(derTag.octetString).content;
  }

  /** A BIT STRING of whole octets, as keys and signatures are. */
  bitString(): Uint8Array {
    const element = this.element(derTag.bitString);
    const { unused, octets } = parseBitString(element);
    if (unused !== 0) throw derError(element.offset, 'The bit string is not a whole number of octets.');
    return octets;
  }

  /** The numbers of the bits that are set in a named-bit BIT STRING, which ends in a set bit (X.690 section 11.2.2). */
  namedBits(): number[] {
    const element = this.element(derTag.bitString);
    const { unused, octets } = parseBitString(element);
    const last = octets[octets.length - 1];
    if (last !== undefined && ((last >> unused) & 1) === 0) {
      throw derError(element.offset, 'A named-bit string has trailing zero bits.');
    }
    const bits: number[] = [];
    for (let bit = 0; bit < octets.length * 8; bit++) {
      if ((octets[bit >> 3]! & (0x80 >> (bit & 7))) !== 0) bits.push(bit);
    }
    return bits;
  }

  /** A UTF8String, PrintableString or IA5String. */
  text(): string {
    const element = this.any();
    // only who knows an implicit tag reads one as a string
    if (element.tag >= 0x80) throw derError(element.offset, `Tag ${hexOctet(element.tag)} is no string.`);
    return parseText(element);
  }

  /** A time as RFC 5280 section 4.1.2.5 writes it (UTCTime through 2049, GeneralizedTime from 2050), as ISO 8601 with milliseconds. */
  time(): string {
    return parseTime(this.any());
  }

  /** Refuses whatever is left. To be called on every reader: trailing bytes are where two parsers disagree. */
  end(): void {
    if (!this.atEnd) throw derError(this.#at, `${this.#end - this.#at} bytes are left over.`);
  }

  #octet(at: number): number {
    if (at >= this.#end) throw derError(at, 'The element is cut off.');
    return this.#source[at]!;
  }
}

/**
 * Walks all of `bytes`: exactly one element, every constructed one entered, every universal primitive of the types above
 * checked. For what is kept or passed on without a reader of its own, such as the attributes of a request.
 */
export function checkDer(bytes: Uint8Array, maxBytes: number): void {
  const reader = DerReader.over(bytes, maxBytes);
  checkElement(reader, reader.any());
  reader.end();
}

export function derError(offset: number, message: string): ImprintError {
  return new ImprintError('der_invalid', message, {
    hint: 'Whatever wrote this does not write DER. `openssl asn1parse -inform DER` shows its structure.',
    context: { offset },
  });
}

/** Order of DER encodings in a SET OF: octet by octet, the shorter one first where it is a prefix. */
export function compareEncodings(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    if (left[at] !== right[at]) return left[at]! - right[at]!;
  }
  return left.length - right.length;
}

/** For an element with an implicit tag too, as are the three below. */
export function parseText(element: DerElement): string {
  const { tag, content, offset } = element;
  if (content.length > maxTextBytes)
    throw derError(offset, `The string is longer than ${maxTextBytes} bytes.`);
  const text = tag === derTag.utf8String ? decodeUtf8(content, offset) : String.fromCharCode(...content);
  if (tag === derTag.printableString && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) {
    throw derError(offset, 'A character is not of PrintableString.');
  }
  if (tag !== derTag.utf8String && tag !== derTag.printableString && !/^[\x00-\x7f]*$/.test(text)) {
    throw derError(offset, 'A character is not of IA5String.');
  }
  if (tag < 0x80 && tag !== derTag.utf8String && tag !== derTag.printableString && tag !== derTag.ia5String) {
    throw derError(offset, `Tag ${hexOctet(tag)} is no string that is read here.`);
  }
  return text;
}

/** The identifiers of our profiles by their octets, once read: each issuing reads them all. A stranger's are not kept. */
const knownOids = new Map<string, string>();
const ownOids: ReadonlySet<string> = new Set(Object.values(oid));

export function parseOid(element: DerElement): string {
  const octets = String.fromCharCode(...element.content.subarray(0, limits.derOidBytes + 1));
  const known = knownOids.get(octets);
  if (known !== undefined) return known;
  const dotted = readOid(element);
  if (ownOids.has(dotted)) knownOids.set(octets, dotted);
  return dotted;
}

function readOid(element: DerElement): string {
  const { content, offset } = element;
  if (content.length === 0 || content.length > limits.derOidBytes) {
    throw derError(
      offset,
      `An object identifier has 1 to ${limits.derOidBytes} octets, not ${content.length}.`,
    );
  }
  if (content[content.length - 1]! >= 0x80) throw derError(offset, 'The object identifier is cut off.');
  const arcs: string[] = [];
  for (let begin = 0, at = 0; at < content.length; at++) {
    if (at === begin && content[at] === 0x80) {
      throw derError(offset, 'An arc of the object identifier is not minimal.');
    }
    if (content[at]! >= 0x80) continue;
    const arc = arcOf(content.subarray(begin, at + 1));
    if (arcs.length > 0) arcs.push(String(arc));
    else if (arc < 80) arcs.push(String(Number(arc) < 40 ? 0 : 1), String(Number(arc) % 40));
    else arcs.push('2', String(typeof arc === 'number' ? arc - 80 : arc - 80n));
    begin = at + 1;
  }
  return arcs.join('.');
}

/** The octets of one arc, seven bits each: a number where one holds it exactly, since reading is on every issuing's way. */
function arcOf(octets: Uint8Array): number | bigint {
  if (octets.length <= 7) return octets.reduce((value, octet) => value * 128 + (octet & 0x7f), 0);
  return octets.reduce((value, octet) => (value << 7n) | BigInt(octet & 0x7f), 0n);
}

export function parseBoolean(element: DerElement): boolean {
  const { content, offset } = element;
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
    throw derError(offset, 'A BOOLEAN is one octet, 00 or ff.');
  }
  return content[0] === 0xff;
}

function parseInteger(element: DerElement): Uint8Array {
  const { content, offset } = element;
  if (content.length === 0) throw derError(offset, 'An INTEGER has at least one octet.');
  const padded =
    content.length > 1 &&
    ((content[0] === 0 && content[1]! < 0x80) || (content[0] === 0xff && content[1]! >= 0x80));
  if (padded) throw derError(offset, 'The INTEGER is not minimal.');
  return content;
}

function parseBitString(element: DerElement): { unused: number; octets: Uint8Array } {
  const { content, offset } = element;
  const unused = content[0];
  if (unused === undefined || unused > 7 || (content.length === 1 && unused !== 0)) {
    throw derError(offset, 'The count of unused bits is wrong.');
  }
  if ((content[content.length - 1]! & ((1 << unused) - 1)) !== 0 && content.length > 1) {
    throw derError(offset, 'Unused bits are not zero.');
  }
  return { unused, octets: content.subarray(1) };
}

function parseTime(element: DerElement): string {
  const { tag, content, offset } = element;
  const isShort = tag === derTag.utcTime && content.length === 13;
  const isLong = tag === derTag.generalizedTime && content.length === 15;
  const digits = content.length - 1;
  if ((!isShort && !isLong) || content[digits] !== 0x5a || !areDigits(content, digits)) {
    throw derError(offset, 'The time is not a UTCTime or GeneralizedTime in UTC with seconds.');
  }
  const two = (at: number) => (content[at]! - 0x30) * 10 + content[at + 1]! - 0x30;
  const year = isLong ? two(0) * 100 + two(2) : two(0) + (two(0) < 50 ? 2000 : 1900);
  if (isLong && year < 2050) {
    throw derError(offset, 'Dates before 2050 are UTCTime (RFC 5280 section 4.1.2.5).');
  }
  const at = isLong ? 4 : 2;
  const [month, day] = [two(at), two(at + 2)];
  const [hours, minutes, seconds] = [two(at + 4), two(at + 6), two(at + 8)];
  const instant = new Date(Date.UTC(year, month - 1, day, hours, minutes, seconds));
  // what is out of its range has moved the fields above it
  const isReal = instant.getUTCMonth() + 1 === month && instant.getUTCDate() === day;
  if (!isReal || hours > 23 || minutes > 59 || seconds > 59) {
    throw derError(offset, 'There is no such day or time.');
  }
  return instant.toISOString();
}

function areDigits(content: Uint8Array, count: number): boolean {
  for (let at = 0; at < count; at++) {
    if (content[at]! < 0x30 || content[at]! > 0x39) return false;
  }
  return true;
}

function checkElement(reader: DerReader, element: DerElement): void {
  const { tag } = element;
  if ((tag & 0x20) !== 0) {
    const inside = reader.inside(element);
    let before: DerElement | undefined;
    while (!inside.atEnd) {
      const child = inside.any();
      if (tag === derTag.set && before && compareEncodings(before.bytes, child.bytes) > 0) {
        throw derError(child.offset, 'The elements of a SET OF are not sorted.');
      }
      checkElement(inside, child);
      before = child;
    }
    return;
  }
  if (tag === derTag.boolean) parseBoolean(element);
  else if (tag === derTag.integer) parseInteger(element);
  else if (tag === derTag.oid) parseOid(element);
  else if (tag === derTag.bitString) parseBitString(element);
  else if (tag === derTag.null && element.content.length !== 0)
    throw derError(element.offset, 'NULL has no content.');
  else if (tag === derTag.utf8String || tag === derTag.printableString || tag === derTag.ia5String)
    parseText(element);
  else if ((tag & 0xdf) === 0x10 || (tag & 0xdf) === 0x11) {
    throw derError(element.offset, 'A SEQUENCE or SET is constructed.');
  }
}

function decodeUtf8(content: Uint8Array, offset: number): string {
  try {
    return fromUtf8(content);
  } catch (cause) {
    throw new ImprintError('der_invalid', 'The string is not well-formed UTF-8.', {
      context: { offset },
      cause,
    });
  }
}

function hexOctet(octet: number): string {
  return octet.toString(16).padStart(2, '0');
}
