/** Breaks text that people and machines write in lines and words: YAML, notes, labels, lines of a wire. */
import { below, type Draw, pick } from './draws.ts';

/** What has a meaning of its own to some reader of text. */
const strange = [
  '',
  ' ',
  '\t',
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\u0000',
  '\u001b[2J',
  '\u00a0',
  '\u200b',
  '\u202e',
  '\ufeff',
  '\u2028',
  '\u2014',
  '\ud800',
  '\udc00',
  '\ufffd',
  '😀',
  'é',
  'e\u0301',
  'ß',
  'İ',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '<<',
  '<<: *a',
  '&a',
  '*a',
  '!!js/function',
  '!!binary',
  '---',
  '...',
  '%YAML 1.1',
  '? ',
  '- ',
  ': ',
  '#',
  '|',
  '>',
  '@',
  '`',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  ',',
  '\\',
  '\\u0000',
  'null',
  '~',
  'true',
  'yes',
  'NaN',
  '.inf',
  '-0',
  '0',
  '-1',
  '1e3',
  '0x10',
  '0o7',
  '1_000',
  '9007199254740993',
  '1e400',
  '99999999999999999999',
  '2147483648',
  '../../etc/passwd',
  '/etc/passwd',
  'C:\\x',
  'a/../b',
  '=',
  '==',
  '+',
  '%2e%2e',
  'REPLACE_ME',
] as const;

/** One change somewhere. */
export function mutateText(draw: Draw, text: string, others: readonly string[] = [text]): string {
  return pick(draw, [byLine, byWord, byCharacter, byWord])(draw, text, others);
}

function byLine(draw: Draw, text: string, others: readonly string[]): string {
  const lines = text.split('\n');
  const at = below(draw, lines.length);
  const other = below(draw, lines.length);
  const line = lines[at]!;
  switch (below(draw, 7)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(at, 0, line);
      break;
    case 2:
      lines[at] = lines[other]!;
      lines[other] = line;
      break;
    case 3:
      lines[at] = draw() < 0.5 ? `  ${line}` : line.replace(/^ {1,2}/, '');
      break;
    case 4:
      lines.splice(at, 0, pick(draw, pick(draw, others).split('\n')));
      break;
    case 5:
      lines.splice(at, lines.length);
      break;
    default:
      // wide or deep, just around the caps
      lines.splice(at, 0, ...repeated(draw, line));
  }
  return lines.join('\n');
}

function repeated(draw: Draw, line: string): string[] {
  const times = pick(draw, [10, 14, 256, 300]);
  return draw() < 0.5
    ? Array.from({ length: times }, (_, at) => line.replace(/[A-Za-z_]+/, (word) => `${word}${at}`))
    : ['['.repeat(times), line, ']'.repeat(times)];
}

function byWord(draw: Draw, text: string): string {
  const words = text.split(/([\w.]+|[^\w\s])/);
  const at = 2 * below(draw, Math.ceil(words.length / 2)) + 1;
  const word = words[at] ?? '';
  words[at] = pick(draw, [
    () => pick(draw, strange),
    () => word + pick(draw, strange),
    () => pick(draw, words),
    () => word + word,
    () => word.toUpperCase(),
    () => word.repeat(pick(draw, [3, 70, 600])),
  ])();
  return words.join('');
}

function byCharacter(draw: Draw, text: string): string {
  const at = below(draw, text.length + 1);
  const head = text.slice(0, at);
  const tail = text.slice(at);
  switch (below(draw, 5)) {
    case 0:
      return head + pick(draw, strange) + tail;
    case 1:
      return head + tail.slice(1 + below(draw, 4));
    case 2:
      return head + String.fromCharCode(below(draw, 0x250)) + tail.slice(1);
    case 3:
      return head + String.fromCharCode(below(draw, 0x10000)) + tail.slice(1);
    default:
      return head + tail.charAt(0) + tail;
  }
}
