/**
 * Check characters of device IDs: Luhn mod N and ISO/IEC 7064 MOD 37-36. Each scheme states exactly which mistakes it
 * promises to catch; the tests beside it establish those promises by trying every case.
 */

import { ImprintError } from './errors.ts';

export type CheckScheme = 'luhn-mod-n' | 'mod37-36';

/** The alphabet of ISO/IEC 7064 MOD 37-36, in order of value. */
export const mod37Alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * The check character that belongs behind `payload`.
 *
 * What the schemes promise, the check character itself included:
 *
 * - `luhn-mod-n`, N = length of `alphabet`, N even: every single-character error; every transposition of two adjacent
 *   characters except the alphabet's first with its last (for decimal digits `09` with `90`). A transposition of two
 *   characters with one between them is never caught. With an odd N single errors go unseen, so an odd N is refused.
 * - `mod37-36`: every single-character error; every transposition of two adjacent characters except where they are
 *   neighbours in the alphabet (`0` and `Z` are neighbours too) *and* the running sums before doubling are 18 and 19,
 *   which is so in one of the 36 states that the characters before them can leave: 1 in 630 adjacent transpositions.
 *   Transpositions with one character between are not promised (98 % are caught; all of them where the two characters
 *   and the one between are decimal digits).
 *
 * `alphabet` is the characters in order of value; it is ignored for `mod37-36`, which brings its own. A restricted body
 * alphabet only takes cases away, so the promises hold for any subset of the scheme's alphabet.
 *
 * @throws ImprintError `device_id_invalid` where a character is not in the alphabet, or N is odd.
 */
export function checkCharacter(scheme: CheckScheme, payload: string, alphabet: string): string {
  return scheme === 'luhn-mod-n' ? luhnCheck(payload, alphabet) : mod37Check(payload);
}

/** True where the last character of `text` is the check character of what stands before it. */
export function checkHolds(scheme: CheckScheme, text: string, alphabet: string): boolean {
  return text.length > 1 && checkCharacter(scheme, text.slice(0, -1), alphabet) === text.at(-1);
}

/** ISO/IEC 7064 pure hybrid system MOD 37,36, section 8: the state runs through 1..36. */
function mod37Check(payload: string): string {
  let state = 36;
  for (const [index, character] of Array.from(payload).entries()) {
    const sum = (state + placeOf(character, mod37Alphabet, index)) % 36;
    state = ((sum === 0 ? 36 : sum) * 2) % 37;
  }
  return mod37Alphabet[(37 - state) % 36]!;
}

function luhnCheck(payload: string, alphabet: string): string {
  const size = alphabet.length;
  if (size % 2 !== 0 || size < 2) {
    throw new ImprintError(
      'device_id_invalid',
      `Luhn mod N needs an even alphabet, not one of ${size} characters`,
      {
        hint: 'Leave one character out of the alphabet, or use mod37-36.',
      },
    );
  }
  let sum = 0;
  const characters = Array.from(payload);
  for (const [index, character] of characters.entries()) {
    const value = placeOf(character, alphabet, index);
    const isDoubled = (characters.length - index) % 2 === 1;
    const product = isDoubled ? value * 2 : value;
    sum += Math.floor(product / size) + (product % size);
  }
  return alphabet[(size - (sum % size)) % size]!;
}

function placeOf(character: string, alphabet: string, index: number): number {
  const value = alphabet.indexOf(character);
  if (value < 0) {
    throw new ImprintError(
      'device_id_invalid',
      `character ${index + 1} of the checked part is not in the alphabet ${alphabet}`,
      {
        hint: 'Use only characters of the alphabet that the contract names.',
        context: { position: index + 1 },
      },
    );
  }
  return value;
}
