/**
 * Canonical JSON (RFC 8785, JCS) for the values that Imprint signs and hashes: strings, safe integers, booleans, null,
 * arrays and plain objects. Whatever could have two spellings or lose a bit on the way is refused.
 */

import { ImprintError } from './errors.ts';
import { limits } from './limits.ts';
import { quoteText } from './quote-text.ts';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/**
 * The one canonical text of a value (RFC 8785 section 3.2): no white space, keys sorted by UTF-16 code units.
 *
 * @throws ImprintError `json_invalid` for fractions, unsafe integers, NaN, undefined, bigint, functions, lone
 * surrogates, holes, class instances, `__proto__` keys, and nesting beyond `limits.jsonDepth`.
 */
export function canonicalJson(value: unknown): string {
  return write(value, undefined, 0);
}

/**
 * The value in `text`, which must be byte for byte its own canonical form; duplicate keys, white space, unsorted keys
 * and other spellings of one value are refused thereby.
 *
 * @param maxBytes cap on the UTF-8 length, looked at before anything is parsed
 * @throws ImprintError `json_invalid`.
 */
export function parseCanonicalJson(text: string, maxBytes: number = limits.requestBytes): JsonValue {
  // A UTF-16 unit is never more than three bytes of UTF-8, so most texts need no encoding to be measured.
  if (
    text.length > maxBytes ||
    (text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes)
  ) {
    throw refused(`the text is longer than ${maxBytes} bytes`);
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's message quotes the input, which may hold a secret: it is left out.
    throw refused('the text is not JSON');
  }
  if (canonicalJson(value) !== text)
    throw refused('the text is JSON, but not in its canonical form (RFC 8785)');
  return value;
}

/** Where a value stands, kept as links so that a path is spelled only when something is refused. */
interface Place {
  within: Place | undefined;
  key: string | number;
}

function write(value: unknown, place: Place | undefined, depth: number): string {
  if (depth > limits.jsonDepth) throw refused(`nested deeper than ${limits.jsonDepth}`, place);
  switch (typeof value) {
    case 'string':
      return writeText(value, place);
    case 'number':
      if (!Number.isSafeInteger(value)) throw refused('a number that is no safe integer', place);
      return String(value);
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeArray(value, place, depth) : writeObject(value, place, depth);
    default:
      throw refused(`a value of type ${typeof value}, which JSON does not have`, place);
  }
}

/** What JSON writes as it is: no quote, backslash or control character, and nothing that could be half a surrogate pair. */
const plain = /^[ !#-[\]-~]*$/;

function writeText(text: string, place: Place | undefined): string {
  if (plain.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw refused('a lone surrogate', place);
  return JSON.stringify(text);
}

function writeArray(value: unknown[], place: Place | undefined, depth: number): string {
  const items = Array.from(value, (item, key) => write(item, { within: place, key }, depth + 1));
  return `[${items.join(',')}]`;
}

function writeObject(value: object, place: Place | undefined, depth: number): string {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw refused('an object that is not plain', place);
  const members = value as Record<string, unknown>;
  let text = '';
  // RFC 8785 section 3.2.3: by UTF-16 code units, which is how JavaScript sorts strings.
  for (const key of Object.keys(value).sort()) {
    if (key === '__proto__') throw refused('a key __proto__', place);
    const name = writeText(key, place);
    const member = write(members[key], { within: place, key }, depth + 1);
    text += `${text === '' ? '' : ','}${name}:${member}`;
  }
  return `{${text}}`;
}

function refused(what: string, place?: Place): ImprintError {
  let path = '';
  for (let at = place; at !== undefined; at = at.within) path = `/${at.key}${path}`;
  return new ImprintError('json_invalid', place === undefined ? what : `${what}, at ${quoteText(path)}`, {
    hint: 'Send canonical JSON: whole numbers, sorted keys, no white space.',
  });
}
