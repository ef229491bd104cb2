import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from './line-splitter.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('drops a line longer than the cap, counts it, and reads the next', () => {
  const splitter = new LineSplitter(4);
  assert.deepEqual(splitter.push(bytes('12345\nok\n')), { lines: ['ok'], dropped: 1 });
});

test('keeps a line of exactly the cap', () => {
  assert.deepEqual(new LineSplitter(4).push(bytes('1234\n')), { lines: ['1234'], dropped: 0 });
});

test('counts an endless line once, when it ends at last', () => {
  const splitter = new LineSplitter(8);
  for (let piece = 0; piece < 1000; piece++) {
    assert.deepEqual(splitter.push(bytes('xxxxx')), { lines: [], dropped: 0 });
  }
  assert.deepEqual(splitter.push(bytes('\n')), { lines: [], dropped: 1 });
});

test('takes a carriage return away and leaves empty lines out', () => {
  assert.deepEqual(new LineSplitter(9).push(bytes('\r\n\na\r\n')), { lines: ['a'], dropped: 0 });
});

test('forgets what was begun when it is cleared', () => {
  const splitter = new LineSplitter(9);
  splitter.push(bytes('half'));
  splitter.clear();
  assert.deepEqual(splitter.push(bytes('whole\n')).lines, ['whole']);
});

test('is not changed by bytes that the caller overwrites afterwards', () => {
  const splitter = new LineSplitter(9);
  const piece = bytes('abc');
  splitter.push(piece);
  piece.fill(0);
  assert.deepEqual(splitter.push(bytes('d\n')).lines, ['abcd']);
});

test('gives the same lines however the stream is cut, and never one beyond the cap', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 200, unit: fc.constantFrom('a', 'b', 'ü', '\n', '\r') }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 30 }),
      (text, sizes, cap) => {
        const whole = new LineSplitter(cap).push(bytes(text));
        const splitter = new LineSplitter(cap);
        const pieces = { lines: [] as string[], dropped: 0 };
        const stream = bytes(text);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          const { lines, dropped } = splitter.push(stream.subarray(at, at + size));
          pieces.lines.push(...lines);
          pieces.dropped += dropped;
          at += size;
        }
        assert.deepEqual(pieces, whole);
        for (const line of whole.lines) assert.ok(bytes(line).length <= cap);
      },
    ),
  );
});
