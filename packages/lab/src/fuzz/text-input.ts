/**
 * Text as bytes, so that every input is a file: UTF-8, where half a surrogate pair, which a string of JavaScript can hold, is
 * written as UTF-8 would write a character of its number.
 */

const surrogate = /\xed([\xa0-\xbf])([\x80-\xbf])/;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The string that these bytes stand for; what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .split(new RegExp(`(${surrogate.source.replaceAll(/[()]/g, '')})`))
    .map((part, at) => (at % 2 === 0 ? decoder.decode(Buffer.from(part, 'latin1')) : half(part)))
    .join('');
}

function half(part: string): string {
  return String.fromCharCode(0xd000 | ((part.charCodeAt(1) & 0x3f) << 6) | (part.charCodeAt(2) & 0x3f));
}

/** The bytes of a string, of which {@link textOf} makes the same string again. */
export function bytesOf(text: string): Uint8Array {
  const parts = text
    .split(/([\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff])/)
    .map((part, at) => (at % 2 === 0 ? Buffer.from(part) : encodedHalf(part.charCodeAt(0))));
  return new Uint8Array(Buffer.concat(parts));
}

function encodedHalf(unit: number): Buffer {
  return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
}
