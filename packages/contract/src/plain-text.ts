/** Shows foreign text on a terminal or in a table: whole, but unable to move the cursor, ring or turn the writing round. */

/** The text with everything that is no printable character as `\u{…}`: a reason, a unit's own words, may be anybody's. */
export function plainText(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
