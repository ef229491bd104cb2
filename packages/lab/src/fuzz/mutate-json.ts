/** Breaks JSON: values of another type, keys too many and too few, depth, width, and spellings that two readers read differently. */
import { below, type Draw, pick } from './draws.ts';
import { mutateText } from './mutate-text.ts';

type Json = unknown;

const values: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 1.5,
  () => 2 ** 53,
  () => 1e308,
  () => '',
  () => ' ',
  () => '\ud800',
  () => '\u0000',
  () => [],
  () => ({}),
  () => [[]],
  () => 'x'.repeat(70),
  () => 'x'.repeat(600),
  () => '=1+1',
  () => '0'.repeat(64),
  () => 'f'.repeat(64),
  () => JSON.parse('{"__proto__":{"polluted":true}}'),
  () => ({ constructor: { prototype: { polluted: true } } }),
  () => Array.from({ length: 300 }, () => 'a'),
  () => deep(40),
  () => deep(2000),
  () => '2026-13-45T00:00:00.000Z',
  () => '../x',
];

function deep(levels: number): Json {
  let value: Json = 0;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** The text of the value after one change. The text may be no JSON any more. */
export function mutateJson(draw: Draw, value: Json, write: (value: Json) => string = JSON.stringify): string {
  const copy = structuredClone(value);
  const places = placesIn(copy);
  const changedValue =
    places.length > 0 && draw() < 0.8 ? changeAt(draw, copy, pick(draw, places), places) : copy;
  const text = written(changedValue, write);
  if (draw() < 0.75) return text;
  return draw() < 0.5 ? mutateText(draw, text) : respelled(draw, text);
}

/** What the project's own writer refuses is written by JavaScript's. */
function written(value: Json, write: (value: Json) => string): string {
  try {
    return write(value);
  } catch {
    return JSON.stringify(value);
  }
}

interface Place {
  holder: Record<string, Json>;
  key: string;
}

function placesIn(value: Json): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, Json>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

function changeAt(draw: Draw, root: Json, { holder, key }: Place, all: readonly Place[]): Json {
  const value = holder[key];
  switch (below(draw, 7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      Object.defineProperty(holder, pick(draw, ['extra', '__proto__', 'constructor', 'ok', 'seq', '']), {
        value: pick(draw, values)(),
        enumerable: true,
        configurable: true,
        writable: true,
      });
      break;
    case 2: {
      const other = pick(draw, all);
      holder[key] = structuredClone(other.holder[other.key]);
      break;
    }
    case 3:
      if (Array.isArray(value)) value.push(...value);
      else holder[key] = typeof value === 'number' ? pick(draw, [value + 1, -value, value * 1e9]) : [value];
      break;
    case 4:
      if (typeof value === 'string') holder[key] = mutateText(draw, value);
      else holder[key] = pick(draw, values)();
      break;
    case 5:
      if (typeof value === 'string') holder[key] = value.slice(0, below(draw, value.length + 1));
      else holder[key] = String(value);
      break;
    default:
      holder[key] = pick(draw, values)();
  }
  return root;
}

/** The same value to most readers, or not: white space, escapes, a key twice, another number. */
function respelled(draw: Draw, text: string): string {
  switch (below(draw, 6)) {
    case 0:
      return text.replace(/[,:{]/, (mark) => `${mark} `);
    case 1:
      return text.replace(/"([a-z])/, (_, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}`);
    case 2:
      return text.replace(/\{("[^"]*":)/, (_, key: string) => `{${key}0,${key}`);
    case 3:
      return text.replace(
        /:(\d+)/,
        (_, digits: string) => `:${digits}${pick(draw, ['.0', 'e0', 'E+0', '.5', '0'.repeat(30)])}`,
      );
    case 4:
      return pick(draw, ['\ufeff', ' ', '[', '\n']) + text;
    default:
      return text + pick(draw, ['\n', '}', ',', '\u0000', text]);
  }
}
