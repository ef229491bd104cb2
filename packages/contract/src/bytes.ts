/**
 * Bytes to text and back, strictly: what decodes here encodes again to the very same text, so no value has two
 * spellings. It trusts no caller's text.
 */

import { type ErrorCode, ImprintError } from './errors.ts';

const hexDigits = '0123456789abcdef';
const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const base64Values = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value++) base64Values[base64Alphabet.charCodeAt(value)] = value;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The engine's own conversions (ECMAScript 2026), which older ones lack: ten times as fast as a loop, on every issuing's way. */
interface NativeBytes {
  toHex(): string;
  toBase64(): string;
}
interface NativeBytesConstructor {
  fromBase64(text: string, options: { lastChunkHandling: 'strict' }): Uint8Array;
}
const native = (Uint8Array as unknown as Partial<NativeBytesConstructor>).fromBase64 !== undefined;
const own = (bytes: Uint8Array) => bytes as unknown as NativeBytes;

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  if (native) return own(bytes).toHex();
  let text = '';
  for (const byte of bytes) text += hexDigits[byte >> 4]! + hexDigits[byte & 15]!;
  return text;
}

/** Bytes of lower-case hexadecimal text; an upper-case digit, an odd length or another character is refused with `code`. */
export function fromHex(text: string, code: ErrorCode = 'bad_request'): Uint8Array {
  if (text.length % 2 !== 0) {
    throw new ImprintError(code, `Hexadecimal text has an odd length (${text.length}).`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const isDigit = unit >= 0x30 && unit <= 0x39;
    if (!isDigit && (unit < 0x61 || unit > 0x66)) {
      throw new ImprintError(code, `Character ${at + 1} is not a lower-case hexadecimal digit.`);
    }
    bytes[at >> 1] = (bytes[at >> 1]! << 4) | (isDigit ? unit - 0x30 : unit - 0x57);
  }
  return bytes;
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  if (native) return own(bytes).toBase64();
  let text = '';
  let at = 0;
  for (; at + 2 < bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    text +=
      base64Alphabet[group >> 18]! +
      base64Alphabet[(group >> 12) & 63]! +
      base64Alphabet[(group >> 6) & 63]! +
      base64Alphabet[group & 63]!;
  }
  const left = bytes.length - at;
  if (left === 0) return text;
  const group = (bytes[at]! << 16) | ((left === 2 ? bytes[at + 1]! : 0) << 8);
  text += base64Alphabet[group >> 18]! + base64Alphabet[(group >> 12) & 63]!;
  return `${text}${left === 2 ? base64Alphabet[(group >> 6) & 63]! : '='}=`;
}

/**
 * Bytes of standard base64 with padding (RFC 4648 section 4). White space, the URL alphabet, missing padding and
 * padding bits other than zero (section 3.5) are refused with `code`.
 */
export function fromBase64(text: string, code: ErrorCode = 'bad_request'): Uint8Array {
  if (text.length % 4 !== 0) {
    throw new ImprintError(code, `Base64 text has ${text.length} characters, which is no multiple of four.`);
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const fast = native ? nativeFromBase64(text) : undefined;
  // the engine skips white space, and what it skipped is missing
  if (fast?.length === (text.length / 4) * 3 - padding) return fast;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let group = 0;
  let written = 0;
  for (let at = 0; at < digits; at++) {
    const unit = text.charCodeAt(at);
    const value = unit < 128 ? base64Values[unit]! : -1;
    if (value < 0) throw new ImprintError(code, `Character ${at + 1} is not of the base64 alphabet.`);
    group = ((group << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written++] = (group >> bits) & 0xff;
    }
  }
  if ((group & ((1 << bits) - 1)) !== 0) {
    throw new ImprintError(code, 'The unused bits of the last base64 character are not zero.');
  }
  return bytes;
}

/** Undefined where the engine refuses the text; the reading above then says why. */
function nativeFromBase64(text: string): Uint8Array | undefined {
  try {
    return (Uint8Array as unknown as NativeBytesConstructor).fromBase64(text, {
      lastChunkHandling: 'strict',
    });
  } catch {
    return undefined;
  }
}

/** UTF-8 bytes of a string; a lone surrogate, which UTF-8 cannot carry, is refused with `bad_request`. */
export function toUtf8(text: string): Uint8Array {
  const short = text.length <= shortText ? asciiOf(text) : undefined;
  if (short !== undefined) return short;
  if (!text.isWellFormed()) throw new ImprintError('bad_request', 'Text holds half a surrogate pair.');
  return encoder.encode(text);
}

/** Names and times: a loop is done before the encoder has begun. */
const shortText = 64;

function asciiOf(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return undefined;
    bytes[at] = unit;
  }
  return bytes;
}

/** The string of UTF-8 bytes; anything that is not well-formed UTF-8 is refused with `code`. A byte order mark stays. */
export function fromUtf8(bytes: Uint8Array, code: ErrorCode = 'bad_request'): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new ImprintError(code, 'Bytes are not well-formed UTF-8.', { cause });
  }
}

/** One array that holds all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** True where both hold the same bytes. The time depends on the lengths only, so it serves for secrets too. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at++) difference |= left[at]! ^ right[at]!;
  return difference === 0;
}
