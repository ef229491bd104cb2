/**
 * Reads one YAML document of plain mappings, lists and scalars, and remembers where everything stands. Trusts no file:
 * size, nesting and width are capped, and the features of YAML that make one text mean two things are refused.
 */

import { Composer, type Document, isMap, isScalar, isSeq, LineCounter, type Node, Parser } from 'yaml';
import type { ErrorCode } from './errors.ts';
import { type Finding, findingsError } from './finding.ts';
import { limits } from './limits.ts';
import { quoteText } from './quote-text.ts';
import { tokenFindings } from './strict-yaml/token-findings.ts';
import { type FoundAt, treeFindings } from './strict-yaml/tree-findings.ts';

export type YamlPath = readonly (string | number)[];

export interface YamlSource {
  /** Plain objects, arrays, strings, numbers, booleans and nulls, without prototype tricks. */
  value: unknown;
  /** Where the value at this path stands, or its key; for a path that is not there, where the nearest parent stands. */
  at(path: YamlPath, part?: 'key' | 'value'): { line: number; column: number };
}

/**
 * Reads `text`, whose exact UTF-8 bytes the caller has (a byte order mark still in place).
 *
 * @param code the code of the error that is thrown: `contract_invalid`, `manifest_invalid`
 * @throws ImprintError with `context.findings`, see {@link findingsError}.
 */
export function parseStrictYaml(text: string, fileName: string, code: ErrorCode): YamlSource {
  const lineCounter = linesOf(text);
  const stopIfAny = (found: FoundAt[]) => {
    if (found.length === 0) return;
    throw findingsError(
      code,
      fileName,
      found.map(({ offset, message, hint }) => ({ ...placeOf(lineCounter, offset), message, hint })),
    );
  };
  const raw = rawFinding(text);
  if (raw !== undefined) throw findingsError(code, fileName, [raw]);

  // Tokens first: the composer and everything behind it recurse, so depth is settled before they run.
  const tokens = Array.from(new Parser().parse(text));
  stopIfAny(tokenFindings(tokens));
  const documents = Array.from(
    new Composer({ version: '1.2', schema: 'core', uniqueKeys: true, lineCounter }).compose(
      tokens,
      true,
      text.length,
    ),
  );
  const document = documents[0] as Document.Parsed;
  stopIfAny(
    [...document.errors, ...document.warnings].map((error) => ({
      offset: error.pos[0],
      message:
        error.code === 'DUPLICATE_KEY' ? 'a key stands twice in one mapping' : sentenceOf(error.message),
      hint: error.code === 'DUPLICATE_KEY' ? 'Keep one of the two.' : 'Mend the YAML at this place.',
    })),
  );
  stopIfAny(treeFindings(document.contents));
  return {
    value: document.toJS({ maxAliasCount: 0 }),
    at: (path, part = 'value') => placeOf(lineCounter, offsetAt(document.contents, path, part)),
  };
}

/** What is settled on the bare text, before any parser sees it. */
function rawFinding(text: string): Finding | undefined {
  if (text.length > limits.yamlBytes || new TextEncoder().encode(text).length > limits.yamlBytes) {
    return {
      line: 1,
      column: 1,
      message: `the file is longer than ${limits.yamlBytes} bytes`,
      hint: 'Shorten it.',
    };
  }
  if (text.startsWith('\ufeff')) {
    return {
      line: 1,
      column: 1,
      message: 'the file begins with a byte order mark',
      hint: 'Save it as UTF-8 without BOM: its hash is taken over its exact bytes.',
    };
  }
  // C0 and C1 controls, the characters that turn or hide text on a screen, and lone surrogates.
  const bad =
    /[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u.exec(
      text,
    );
  if (bad === null) return undefined;
  const before = text.slice(0, bad.index).split('\n');
  return {
    line: before.length,
    column: before.at(-1)!.length + 1,
    message: `the file holds the character ${quoteText(bad[0])}, which nobody sees in an editor`,
    hint: 'Delete it.',
  };
}

/** The library's messages end in a position and a drawing of the source line; only the first sentence is ours to show. */
function sentenceOf(message: string): string {
  const sentence = message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/** Where the lines begin, by the text itself: the parser leaves out those behind some errors. */
function linesOf(text: string): LineCounter {
  const lineCounter = new LineCounter();
  for (let at = 0; ; ) {
    lineCounter.addNewLine(at);
    at = text.indexOf('\n', at) + 1;
    if (at === 0) return lineCounter;
  }
}

function placeOf(lineCounter: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lineCounter.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function offsetAt(root: Node | null, path: YamlPath, part: 'key' | 'value'): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const isLast = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (pair === undefined) return offset;
      const keyOffset = (pair.key as Node).range![0];
      node = pair.value;
      // A value that is not written (`key:`) has no place of its own worth showing.
      const isWritten = isScalar(node) ? node.type !== 'PLAIN' || !!node.source : node !== null;
      offset = (isLast && part === 'key') || !isWritten ? keyOffset : (node as Node).range![0];
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined) return offset;
      node = item;
      offset = item.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}
