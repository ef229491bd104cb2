/** What a command says at its end: one JSON object, or lines for people. Text from elsewhere cannot move the cursor. */
import { plainText as plain } from '@imprint/contract/plain-text';

export interface SayOptions {
  json?: boolean;
}

/** Prints the object where `--json` asks for it, otherwise the lines. */
export function say(options: SayOptions, object: object, lines: readonly string[]): void {
  process.stdout.write(options.json ? `${JSON.stringify(object)}\n` : `${lines.join('\n')}\n`);
}

/** Rows as lines, each column as wide as its widest cell; the first row is the heading. */
export function table(rows: readonly (readonly (string | number | null | undefined)[])[]): string[] {
  const cells = rows.map((row) =>
    row.map((cell) => plain(cell === null || cell === undefined ? '-' : String(cell))),
  );
  const widths: number[] = [];
  for (const row of cells) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  );
}

/** Names and values below each other, the values aligned; what is null is left out. */
export function facts(pairs: Record<string, string | number | null | undefined>): string[] {
  const known = Object.entries(pairs).filter(([, value]) => value !== null && value !== undefined);
  return table(known.map(([name, value]) => [name, value]));
}

/** Text of several lines, each of them {@link plain}. */
export function plainLines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}

export { plain };
