/** DER as the model reads it, by code of its own: elements one after another, and nothing about what they mean. */

export interface DerElement {
  tag: number;
  /** Header and content. */
  all: Buffer;
  content: Buffer;
}

/** The elements that stand in these bytes one after another. @throws RangeError where they do not fill them */
export function elementsOf(bytes: Uint8Array): DerElement[] {
  const der = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: DerElement[] = [];
  for (let at = 0; at < der.length; ) {
    const first = der[at + 1] ?? 0;
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + octets;
    const length = octets === 0 ? first : der.readUIntBE(at + 2, octets);
    const end = start + length;
    if (end > der.length) throw new RangeError(`an element of ${length} bytes at ${at} of ${der.length}`);
    elements.push({ tag: der[at]!, all: der.subarray(at, end), content: der.subarray(start, end) });
    at = end;
  }
  return elements;
}

/** The elements inside the one that these bytes are. */
export function insideOf(bytes: Uint8Array): DerElement[] {
  return elementsOf(elementsOf(bytes)[0]!.content);
}

/** Content of an INTEGER that is positive, in hex without a sign octet. */
export function serialOf({ content }: DerElement): string {
  return (content[0] === 0 && content.length > 1 ? content.subarray(1) : content).toString('hex');
}

/** UTCTime or GeneralizedTime in UTC, as milliseconds since 1970. */
export function timeOf({ tag, content }: DerElement): number {
  const text = content.toString('latin1');
  const [, year, ...rest] = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)!;
  const full = tag === 0x17 ? (Number(year) < 50 ? 2000 : 1900) + Number(year) : Number(year);
  const [month, day, hour, minute, second] = rest.map(Number) as [number, number, number, number, number];
  return Date.UTC(full, month - 1, day, hour, minute, second);
}
