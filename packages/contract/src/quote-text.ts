/** Shows foreign text in a message so that it can neither move a terminal's cursor nor fill a page. */

const shownCharacters = 72;

/** The text in double quotes: printable ASCII as it stands, everything else as `\u{…}`, cut after 72 characters. */
export function quoteText(text: string): string {
  const characters = Array.from(text.slice(0, shownCharacters * 2));
  const shown = characters.slice(0, shownCharacters).map(escaped).join('');
  return `"${shown}${characters.length > shownCharacters ? '…' : ''}"`;
}

function escaped(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (/^[\x20-\x7e]$/.test(character)) return character;
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}
