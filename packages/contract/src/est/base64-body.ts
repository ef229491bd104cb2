/**
 * Bodies of EST as text: base64 of DER (RFC 7030, RFC 8951 section 3.1). What a client sends may be wrapped in lines; every other
 * liberty is refused, so that a body has one reading. It trusts no byte of a body.
 */
import { fromBase64, fromUtf8, toBase64 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';

/** The shortest lines that anybody wraps base64 in. */
const lineLength = 64;

/** The base64 of `der` in one line: RFC 4648 section 3.1 knows no line feeds, and some clients take none. */
export function writeBase64Body(der: Uint8Array): string {
  return toBase64(der);
}

/**
 * The DER in a body: base64, whole or in lines of any length, with spaces and tabs at their ends.
 * @throws request_too_large where the body is longer than base64 of `maxBytes` with a line end after every character of 64;
 * bad_request for an empty body or anything but base64
 */
export function readBase64Body(body: Uint8Array, maxBytes: number): Uint8Array {
  if (body.length > bodyCap(maxBytes)) {
    throw new ImprintError(
      'request_too_large',
      `The body has ${body.length} bytes; it holds no more than ${maxBytes} bytes of DER.`,
    );
  }
  const text = fromUtf8(body).replace(/[\r\n\t ]+/g, '');
  if (text === '') throw new ImprintError('bad_request', 'The body of the request is empty.');
  return fromBase64(text, 'bad_request');
}

/** The longest body that can hold `maxBytes` of DER: base64, and four octets of white space for each line. */
export function bodyCap(maxBytes: number): number {
  const characters = 4 * Math.ceil(maxBytes / 3);
  return characters + 4 * Math.ceil(characters / lineLength) + 16;
}
