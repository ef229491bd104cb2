/** What strict YAML refuses, where it says so, and that hostile documents cost little. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ImprintError, isImprintError } from './errors.ts';
import type { Finding } from './finding.ts';
import { limits } from './limits.ts';
import { parseStrictYaml } from './strict-yaml.ts';

const refusalOf = (text: string): Finding => {
  try {
    parseStrictYaml(text, 'x.yaml', 'contract_invalid');
  } catch (error) {
    assert.ok(error instanceof ImprintError, String(error));
    assert.equal(error.code, 'contract_invalid');
    const finding = (error.context.findings as Finding[])[0]!;
    assert.equal(error.message, `x.yaml:${finding.line}:${finding.column}: ${finding.message}`);
    assert.ok(error.hint);
    return finding;
  }
  assert.fail(`accepted ${JSON.stringify(text.slice(0, 80))}`);
};

for (const [name, text, line, column, says] of [
  ['an alias', 'a: &x 1\nb: *x\n', 1, 4, /anchor/],
  ['an alias to nowhere', 'a: 1\nb: *x\n', 2, 4, /alias/],
  ['an anchor inside a flow list', 'a: [1, &x 2]\n', 1, 8, /anchor/],
  ['an anchor behind a value', 'a: "x" &y\n', 1, 8, /anchor/],
  ['an anchor before a block text', 'a: &x |\n b\n', 1, 4, /anchor/],
  ['a tag', 'a: !!str 1\n', 1, 4, /tag/],
  ['a tag of code', 'a: !!js/function "1"\n', 1, 4, /tag/],
  ['a tag on the whole', '!!map\na: 1\n', 1, 1, /tag/],
  ['a directive', '%YAML 1.1\n---\na: yes\n', 1, 1, /directive/],
  ['a second document', 'a: 1\n---\nb: 2\n', 2, 1, /second document/],
  ['an end mark', 'a: 1\n...\n', 2, 1, /end-of-document/],
  ['a duplicate key', 'a: 1\nb: 2\na: 3\n', 3, 1, /twice/],
  ['a duplicate key in a flow mapping', 'a: {b: 1, b: 2}\n', 1, 11, /twice/],
  ['a duplicate key in two spellings', 'a: 1\n"\\u0061": 2\n', 2, 1, /twice/],
  ['__proto__', 'a: 1\n__proto__: {b: 1}\n', 2, 1, /__proto__/],
  ['a quoted __proto__ deep inside', 'a:\n  - b: {"__proto__": 1}\n', 2, 9, /__proto__/],
  ['constructor', 'constructor: 1\n', 1, 1, /constructor/],
  ['a merge key', 'a: 1\n<<: {b: 1}\n', 2, 1, /<</],
  ['a number as key', '1: 2\n', 1, 1, /plain text/],
  ['a list as key', '? [a]\n: 1\n', 1, 3, /plain text/],
  ['a null key', 'a: 1\n: 2\n', 2, 1, /plain text/],
  ['a NUL', 'a: 1\nb: "x\0y"\n', 2, 6, /character/],
  ['an escape code', 'a: "\u001b[2J"\n', 1, 5, /character/],
  ['text that turns around', 'ab: 1 # \u202e\n', 1, 9, /character/],
  ['a lone surrogate', 'a: \ud800\n', 1, 4, /character/],
  ['a byte order mark', '\ufeffa: 1\n', 1, 1, /byte order mark/],
  ['a tab as indentation', 'a:\n\tb: 1\n', 2, 1, /./],
  ['an open quote', 'a: "x\n', 2, 1, /./],
  ['an open flow list', 'a: [1,\n', 2, 1, /./],
  ['two values', 'a: b: c\n', 1, 4, /./],
  ['wrong indentation', 'a:\n   b: 1\n  c: 2\n', 3, 1, /./],
] as const) {
  test(`refuses ${name} with its place`, () => {
    const finding = refusalOf(text);
    assert.match(finding.message, says);
    assert.match(finding.message, /^[\x20-\x7e]*$/);
    assert.deepEqual([finding.line, finding.column], [line, column], finding.message);
  });
}

test('a long document is refused by its UTF-8 bytes', () => {
  refusalOf(`a: "${'x'.repeat(limits.yamlBytes)}"`);
  refusalOf(`a: "${'é'.repeat(limits.yamlBytes / 2)}"`);
});

test('nesting stops at the cap, in every style', () => {
  const flow = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  parseStrictYaml(flow(limits.yamlDepth), 'x.yaml', 'contract_invalid');
  assert.match(refusalOf(flow(limits.yamlDepth + 1)).message, /deeper/);
  assert.match(refusalOf(`${'- '.repeat(limits.yamlDepth + 1)}x`).message, /deeper/);
  assert.match(refusalOf('{a: '.repeat(13)).message, /deeper/);
  assert.match(refusalOf('? '.repeat(limits.yamlDepth + 1)).message, /deeper/);
});

test('a collection stops at the cap', () => {
  const list = (n: number) => `[${Array(n).fill('1').join(',')}]`;
  parseStrictYaml(list(limits.yamlEntries), 'x.yaml', 'contract_invalid');
  assert.match(refusalOf(list(limits.yamlEntries + 2)).message, /more than/);
});

test('hostile documents of full size are answered at once, and never by a crash', () => {
  const n = limits.yamlBytes - 10;
  const fill = (piece: string) => piece.repeat(Math.floor(n / piece.length));
  for (const piece of [
    '[',
    '{',
    '- ',
    '? ',
    'a: ',
    '{a: ',
    '[[]',
    '"',
    "'",
    '*a ',
    '&a ',
    '!a ',
    '---\n',
    '#',
    '|\n',
    '%',
    ':',
    '\n',
    '\t',
    '- -\n',
    'a:\n ',
    ', ',
  ]) {
    const begun = process.hrtime.bigint();
    try {
      parseStrictYaml(fill(piece), 'x.yaml', 'contract_invalid');
    } catch (error) {
      assert.ok(error instanceof ImprintError, `${piece}: ${error}`);
    }
    const ms = Number(process.hrtime.bigint() - begun) / 1e6;
    assert.ok(ms < 3_000, `${JSON.stringify(piece)} took ${ms} ms`);
  }
  const keys = Array.from({ length: 8_000 }, (_, i) => `k${i}: 1`)
    .join('\n')
    .slice(0, n);
  assert.match(refusalOf(keys).message, /more than/);
});

test('no text makes anything but an ImprintError', () => {
  const piece = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '- ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '|',
    '>',
    '#',
    '?',
    '&',
    '*',
    '!',
    '%',
    '@',
    '`',
    '\\',
    '0',
    '\t',
    '<<',
    '~',
    '---',
    '...',
    '\r',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        const source = parseStrictYaml(pieces.join(''), 'x.yaml', 'manifest_invalid');
        source.at(['a', 0]);
      } catch (error) {
        assert.ok(error instanceof ImprintError && error.code === 'manifest_invalid', String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a plain document gives its value, and the place of each key and value', () => {
  const source = parseStrictYaml(
    '# note\na: 1\nb:\n  - c: "x"\n    d:\n  - [1, two]\r\n',
    'x.yaml',
    'contract_invalid',
  );
  assert.deepEqual(source.value, { a: 1, b: [{ c: 'x', d: null }, [1, 'two']] });
  assert.deepEqual(source.at(['a']), { line: 2, column: 4 });
  assert.deepEqual(source.at(['a'], 'key'), { line: 2, column: 1 });
  assert.deepEqual(source.at(['b', 0, 'c']), { line: 4, column: 8 });
  assert.deepEqual(source.at(['b', 0, 'd']), { line: 5, column: 5 });
  assert.deepEqual(source.at(['b', 1, 1]), { line: 6, column: 9 });
  assert.deepEqual(source.at(['b', 1, 7]), { line: 6, column: 5 });
  assert.deepEqual(source.at(['nowhere', 'x']), { line: 2, column: 1 });
});

test('words of YAML 1.1 stay text', () => {
  assert.deepEqual(
    parseStrictYaml('a: [yes, no, on, 1_000, 12:30, 0o7]', 'x.yaml', 'contract_invalid').value,
    {
      a: ['yes', 'no', 'on', '1_000', '12:30', 7],
    },
  );
});

test('whatever a YAML writer writes of plain values is read back', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const key = fc
    .stringMatching(/^[a-z][a-z0-9_]{0,8}$/)
    .filter((k) => !['constructor', 'prototype'].includes(k));
  fc.assert(
    fc.property(
      fc.dictionary(
        key,
        fc.oneof(leaf, fc.array(leaf), fc.dictionary(key, leaf, { noNullPrototype: true })),
        { noNullPrototype: true },
      ),
      (v) => {
        assert.deepEqual(
          parseStrictYaml(stringify(v, { aliasDuplicateObjects: false }), 'x.yaml', 'contract_invalid').value,
          v,
        );
      },
    ),
  );
});

test('a finding stands in the file, also where the parser loses count of the lines', () => {
  const text = '- \n5"\nv:';
  assert.throws(
    () => parseStrictYaml(text, 'x.yaml', 'contract_invalid'),
    (error) => {
      assert.ok(isImprintError(error, 'contract_invalid'));
      const [{ line, column }] = error.context.findings as [Finding];
      assert.deepEqual([line, column], [3, 2]);
      return true;
    },
  );
});
