import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import fc from 'fast-check';
import { requireSingleKeys } from './single-keys.ts';

const check = (text: string) => requireSingleKeys(text, JSON.parse(text));
const refused = (text: string) =>
  assert.throws(
    () => check(text),
    (error) => isImprintError(error, 'bad_request'),
    text,
  );

describe('JSON from a station', () => {
  it('is refused where a key stands twice, at any depth, in any spelling', () => {
    refused('{"a":1,"a":1}');
    refused('{"a":1,"b":{"c":[{"d":1 , "d"\n:2}]}}');
    refused('{"a":1,"\\u0061":2}');
    refused('{"":1,"":2}');
    refused('{"\\"":1,"\\"":2}');
    refused('[{"a":{}, "a":{"a":1}}]');
  });

  it('is taken where the same key stands in several objects, and where strings look like keys', () => {
    for (const text of [
      '{"a":{"a":1},"b":{"a":1}}',
      '[{"a":1},{"a":1}]',
      '{"a":"\\"b\\":1, \\"b\\":2"}',
      '"a"',
    ]) {
      check(text);
    }
  });

  it('is taken as any value is written, spaced or not', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, '\t'), (value, space) => {
        check(JSON.stringify(value, null, space));
      }),
      { seed: 170 },
    );
  });

  it('is judged in no time at its largest and deepest', () => {
    const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    check(deep);
    const long = `{"a":"${'\\"'.repeat(120_000)}"}`;
    const begun = performance.now();
    check(long);
    assert.ok(performance.now() - begun < 500);
  });
});
