/**
 * Device IDs: the primary key of a device, forever. A {@link DeviceId} has passed the grammar of its contract, and its
 * characters can stand unescaped in a file name, a URL, a label and a certificate. Trusts no scanner and no keyboard.
 */

import { checkCharacter, checkHolds, mod37Alphabet } from './check-character.ts';
import { ImprintError } from './errors.ts';
import { limits } from './limits.ts';
import type { DeviceIdGrammar } from './provisioning-contract/schema.ts';
import { quoteText } from './quote-text.ts';

declare const deviceIdBrand: unique symbol;
export type DeviceId = string & { readonly [deviceIdBrand]: true };

type FieldGrammar = Exclude<DeviceIdGrammar, { uuid: true }>;

/** The source article's grammar: `SN-00012345`. */
export const articleGrammar: DeviceIdGrammar = {
  prefix: 'SN-',
  site_length: 0,
  year_length: 0,
  body_alphabet: '0123456789',
  body_length: 8,
  check: 'none',
};

/** In the URI of a certificate a station's ID stands behind this, where a device's ID stands bare. */
const reservedPrefix = 'station:';
const safeText = /^[A-Za-z0-9][A-Za-z0-9.:-]*$/;
/** RFC 9562 text form in lower case, versions 1 to 8, its own variant only. */
const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * The ID in `text`, which must be exactly the canonical form: nothing is trimmed, folded or completed.
 *
 * @throws ImprintError `device_id_invalid` (context `position`: the 1-based character at fault, where there is one) or
 * `device_id_check_wrong`.
 */
export function parseDeviceId(text: string, grammar: DeviceIdGrammar): DeviceId {
  parseAnyDeviceId(text);
  if ('uuid' in grammar) {
    if (!uuidText.test(text)) {
      throw invalid(
        text,
        'is not a UUID in lower case with hyphens',
        'Give it as 8-4-4-4-12 lower-case hex digits.',
      );
    }
    return text as DeviceId;
  }
  checkFields(text, grammar);
  if (grammar.check !== 'none') {
    const checked = text.slice(grammar.prefix.length);
    if (!checkHolds(grammar.check, checked, checkAlphabet(grammar))) {
      throw new ImprintError(
        'device_id_check_wrong',
        `the check character of device ID ${quoteText(text)} is wrong`,
        {
          hint: 'One character was misread, mistyped or swapped. Scan the label again; do not correct it by hand.',
          context: { position: text.length },
        },
      );
    }
  }
  return text as DeviceId;
}

/**
 * An ID whose grammar is not at hand (a path parameter, a manifest without contract): the generic bound on length and
 * characters alone.
 *
 * @throws ImprintError `device_id_invalid`.
 */
export function parseAnyDeviceId(text: string): DeviceId {
  if (text.length === 0) throw invalid(text, 'is empty', 'Scan the label again.');
  if (text.length > limits.deviceIdLength) {
    throw invalid(
      text,
      `is longer than ${limits.deviceIdLength} characters`,
      'Scan the label of one unit only.',
    );
  }
  if (!safeText.test(text)) {
    const position =
      1 + Array.from(text).findIndex((c, i) => !(i === 0 ? /[A-Za-z0-9]/ : /[A-Za-z0-9.:-]/).test(c));
    throw invalid(
      text,
      `has a character at position ${position} that no device ID holds`,
      'Device IDs hold letters, digits and - . : only, a letter or digit first, and no space around them.',
      position,
    );
  }
  if (text.startsWith(reservedPrefix)) {
    throw invalid(text, `begins with ${reservedPrefix}`, 'That names stations. Scan the label of a unit.', 1);
  }
  return text as DeviceId;
}

export interface DeviceIdParts {
  /** Exactly as many characters as the grammar's `site_length`; absent where that is 0. */
  site?: string;
  /** The full year, as in 2026; its last `year_length` digits are written. */
  year?: number;
  /** Counts from 0; written in the body alphabet, padded with its first character. */
  serial: bigint | number;
}

/**
 * The ID of these parts, in its canonical form, with its check character.
 *
 * @throws ImprintError `device_id_invalid` where a part is missing, too long or outside its alphabet, and for a UUID
 * grammar, whose IDs come from {@link uuidDeviceId}.
 */
export function formatDeviceId(parts: DeviceIdParts, grammar: DeviceIdGrammar): DeviceId {
  if ('uuid' in grammar) {
    throw new ImprintError('device_id_invalid', 'a UUID grammar has no serial numbers', {
      hint: 'Make the ID from 16 random bytes.',
    });
  }
  const checked = siteField(parts, grammar) + yearField(parts, grammar) + serialField(parts, grammar);
  const check =
    grammar.check === 'none' ? '' : checkCharacter(grammar.check, checked, checkAlphabet(grammar));
  return parseDeviceId(grammar.prefix + checked + check, grammar);
}

/** A random UUID (RFC 9562 version 4) from 16 bytes of the caller's CSPRNG. */
export function uuidDeviceId(random: Uint8Array): DeviceId {
  if (random.length !== 16) {
    throw new ImprintError('device_id_invalid', `a UUID takes 16 random bytes, not ${random.length}`);
  }
  const bytes = Uint8Array.from(random);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return groups.join('-') as DeviceId;
}

/** How many serials the grammar has for one site and year (2^122 for random UUIDs). */
export function deviceIdCapacity(grammar: DeviceIdGrammar): bigint {
  if ('uuid' in grammar) return 2n ** 122n;
  return BigInt(grammar.body_alphabet.length) ** BigInt(grammar.body_length);
}

/** Characters that an ID of this grammar has. */
export function deviceIdLength(grammar: DeviceIdGrammar): number {
  if ('uuid' in grammar) return 36;
  const check = grammar.check === 'none' ? 0 : 1;
  return grammar.prefix.length + grammar.site_length + grammar.year_length + grammar.body_length + check;
}

export interface GrammarFault {
  field: keyof FieldGrammar;
  message: string;
  hint: string;
}

/** What is wrong with a grammar whose single fields are in order: the fields that do not go together. */
export function grammarFaults(grammar: DeviceIdGrammar): GrammarFault[] {
  if ('uuid' in grammar) return [];
  const { body_alphabet: alphabet, check } = grammar;
  const faults: GrammarFault[] = [];
  const fault = (field: keyof FieldGrammar, message: string, hint: string) =>
    faults.push({ field, message, hint });

  if (new Set(alphabet).size !== alphabet.length) {
    fault('body_alphabet', 'a character stands twice in the body alphabet', 'Name each character once.');
  }
  if (/^[^A-Za-z0-9]|^[A-Za-z]:/.test(grammar.prefix)) {
    fault(
      'prefix',
      'a prefix begins with a letter or digit, and not as a drive does',
      'An ID that begins otherwise reads as an option, a hidden file or a drive.',
    );
  }
  if (grammar.prefix.startsWith(reservedPrefix)) {
    fault(
      'prefix',
      `${reservedPrefix} is reserved: it names stations in certificates`,
      'Choose another prefix.',
    );
  }
  if (check === 'luhn-mod-n' && alphabet.length % 2 !== 0) {
    fault(
      'check',
      `luhn-mod-n over ${alphabet.length} characters misses single-character errors: it needs an even number`,
      'Leave one character out of the alphabet, or use mod37-36.',
    );
  }
  if (check === 'luhn-mod-n' && grammar.year_length > 0 && !hasAllDigits(alphabet)) {
    fault(
      'year_length',
      'luhn-mod-n covers the year too, whose digits are not all in the body alphabet',
      'Add the ten digits to the alphabet, or leave the year out.',
    );
  }
  if (check === 'mod37-36' && Array.from(alphabet).some((character) => !mod37Alphabet.includes(character))) {
    fault(
      'body_alphabet',
      'mod37-36 knows 0-9 and A-Z only',
      'Use a body alphabet of digits and capital letters.',
    );
  }
  return faults;
}

function hasAllDigits(alphabet: string): boolean {
  return Array.from('0123456789').every((digit) => alphabet.includes(digit));
}

/** Every character is checked against its own field before the check character is: the message names the place. */
function checkFields(text: string, grammar: FieldGrammar): void {
  const { prefix } = grammar;
  if (!text.startsWith(prefix)) {
    throw invalid(
      text,
      `does not begin with ${quoteText(prefix)}`,
      'Check that this is a label of this product.',
      1,
    );
  }
  const length = deviceIdLength(grammar);
  if (text.length !== length) {
    throw invalid(
      text,
      `has ${text.length} characters instead of ${length}`,
      'Scan the whole label, and only it.',
    );
  }
  for (let index = prefix.length; index < length; index++) {
    const [field, alphabet] = fieldAt(index - prefix.length, grammar);
    if (!alphabet.includes(text[index]!)) {
      const what = `has ${quoteText(text[index]!)} at position ${index + 1}, where ${field} stands`;
      throw invalid(text, what, `Only ${alphabet} may stand there, in exactly this case.`, index + 1);
    }
  }
}

function fieldAt(offset: number, grammar: FieldGrammar): [field: string, alphabet: string] {
  const siteEnd = grammar.site_length;
  const yearEnd = siteEnd + grammar.year_length;
  const bodyEnd = yearEnd + grammar.body_length;
  if (offset < siteEnd) return ['the site', siteAlphabet(grammar)];
  if (offset < yearEnd) return ['the year', '0123456789'];
  if (offset < bodyEnd) return ['the serial', grammar.body_alphabet];
  return ['the check character', checkAlphabet(grammar)];
}

/** Luhn mod N has only the body's alphabet to count in, so a site that it covers is written in that alphabet. */
function siteAlphabet(grammar: FieldGrammar): string {
  return grammar.check === 'luhn-mod-n' ? grammar.body_alphabet : mod37Alphabet;
}

function checkAlphabet(grammar: FieldGrammar): string {
  return grammar.check === 'luhn-mod-n' ? grammar.body_alphabet : mod37Alphabet;
}

function siteField(parts: DeviceIdParts, grammar: FieldGrammar): string {
  const site = parts.site ?? '';
  if (site.length !== grammar.site_length) {
    throw invalid(
      site,
      `is not a site of ${grammar.site_length} characters`,
      'Name the site as the contract has it.',
    );
  }
  return site;
}

function yearField(parts: DeviceIdParts, grammar: FieldGrammar): string {
  if (grammar.year_length === 0) return '';
  const { year } = parts;
  if (year === undefined || !Number.isInteger(year) || year < 1000 || year > 9999) {
    throw invalid(String(year), 'is not a year of four digits', 'Give the year of manufacture, as in 2026.');
  }
  return String(year).slice(-grammar.year_length);
}

function serialField(parts: DeviceIdParts, grammar: FieldGrammar): string {
  const { body_alphabet: alphabet, body_length: length } = grammar;
  const base = BigInt(alphabet.length);
  const isWhole = typeof parts.serial === 'bigint' || Number.isSafeInteger(parts.serial);
  if (!isWhole || parts.serial < 0 || BigInt(parts.serial) >= deviceIdCapacity(grammar)) {
    throw invalid(
      String(parts.serial),
      `is no serial of this grammar, which has ${deviceIdCapacity(grammar)} for a site and year`,
      'Use the next free serial; where none is free, lengthen the body in a new contract revision.',
    );
  }
  let digits = '';
  for (let rest = BigInt(parts.serial); digits.length < length; rest /= base) {
    digits = alphabet[Number(rest % base)] + digits;
  }
  return digits;
}

function invalid(text: string, what: string, hint: string, position?: number): ImprintError {
  return new ImprintError('device_id_invalid', `device ID ${quoteText(text)} ${what}`, {
    hint,
    context: position === undefined ? {} : { position },
  });
}
