/** RFC 8785's own vectors where they fall in our subset, and what the subset refuses. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, parseCanonicalJson } from './canonical-json.ts';
import { isImprintError } from './errors.ts';
import { limits } from './limits.ts';

const isRefused = (error: unknown) => isImprintError(error, 'json_invalid');

test('sorts by UTF-16 code units: RFC 8785 section 3.2.3', () => {
  const input = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
  };
  assert.deepEqual(Object.values(JSON.parse(canonicalJson(input))).sort(), Object.values(input).sort());
  const order = Array.from(canonicalJson(input).matchAll(/:"([^"]*)"/g), (match) => match[1]);
  assert.deepEqual(order, [
    'Carriage Return',
    'One',
    'Control',
    'Latin Small Letter O With Diaeresis',
    'Euro Sign',
    'Emoji: Grinning Face',
    'Hebrew Letter Dalet With Dagesh',
  ]);
});

test('writes strings and literals as RFC 8785 section 3.2.2 does', () => {
  const text = '\u20ac$\u000f\nA\'B"\\\\"/';
  assert.equal(
    canonicalJson({ string: text, literals: [null, true, false] }),
    '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('writes the integers of RFC 8785 appendix B that are safe', () => {
  assert.equal(
    canonicalJson([0, -0, 9007199254740991, -9007199254740991]),
    '[0,0,9007199254740991,-9007199254740991]',
  );
});

test('orders nested objects as the cyberphone test data "structures" does', () => {
  const input = {
    1: { f: { f: 'hi', F: 5 }, '\n': 56 },
    10: {},
    '': 'empty',
    a: {},
    111: [{ e: 'yes', E: 'no' }],
    A: {},
  };
  assert.equal(
    canonicalJson(input),
    '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
  );
});

for (const [name, value] of Object.entries({
  'a fraction': 0.5,
  'an unsafe integer': 2 ** 53,
  NaN: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  undefined: undefined,
  'an undefined member': { a: undefined },
  'a hole': new Array(1),
  bigint: 1n,
  'a function': () => 1,
  'a symbol': Symbol('x'),
  'a date': new Date(0),
  'a map': new Map(),
  bytes: new Uint8Array(1),
  'a lone surrogate': 'a\ud800',
  'a key with a lone surrogate': { '\udc00': 1 },
  'a __proto__ key': JSON.parse('{"__proto__":1}'),
})) {
  test(`refuses ${name}`, () => {
    assert.throws(() => canonicalJson(value), isRefused);
    assert.throws(() => canonicalJson({ within: [value] }), isRefused);
  });
}

test('refuses nesting beyond the cap, and a cycle thereby', () => {
  const nest = (depth: number): unknown => (depth === 0 ? 1 : [nest(depth - 1)]);
  assert.doesNotThrow(() => canonicalJson(nest(limits.jsonDepth)));
  assert.throws(() => canonicalJson(nest(limits.jsonDepth + 1)), isRefused);
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assert.throws(() => canonicalJson(cycle), isRefused);
});

for (const text of [
  '',
  ' 1',
  '1\n',
  '{"a": 1}',
  '{"b":1,"a":2}',
  '{"a":1,"a":1}',
  '{"a":1,"a":2}',
  '1.0',
  '1e3',
  '-0',
  '9007199254740993',
  '"\\u0041"',
  '"\\/"',
  '"\\ud800"',
  '\ufeff1',
  '{"__proto__":{}}',
  '[1,]',
  '[1] x',
]) {
  test(`refuses ${JSON.stringify(text)}, which is not canonical`, () => {
    assert.throws(() => parseCanonicalJson(text), isRefused);
  });
}

test('refuses text over the byte cap, counted in UTF-8, and deep text, before it costs anything', () => {
  assert.throws(() => parseCanonicalJson('"12345678"', 9), isRefused);
  assert.throws(() => parseCanonicalJson('"€€"', 7), isRefused);
  assert.equal(parseCanonicalJson('"€€"', 8), '€€');
  assert.throws(() => parseCanonicalJson('['.repeat(100_000) + ']'.repeat(100_000)), isRefused);
});

test('a refusal does not quote the value', () => {
  assert.throws(
    () => parseCanonicalJson('{"password": "hunter2"}'),
    (error) => error instanceof Error && !error.message.includes('hunter2'),
  );
});

test('parsing gives back what was written, and only the canonical text parses', () => {
  const leaf = fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null));
  const key = fc.string({ unit: 'binary' }).filter((k) => k !== '__proto__');
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(value, (v) => {
      const text = canonicalJson(v);
      assert.equal(canonicalJson(parseCanonicalJson(text)), text);
      assert.equal(canonicalJson(JSON.parse(JSON.stringify(v, null, 2))), text);
    }),
  );
});
