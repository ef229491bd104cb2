import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type FramedReply,
  type FramedRequest,
  frameLine,
  parseReplyLine,
  parseRequestLine,
} from './frame.ts';
import { dutVectors } from './vectors.test-kit.ts';

const parse = (kind: 'request' | 'reply', line: string) =>
  kind === 'request' ? parseRequestLine(line) : parseReplyLine(line);

for (const { kind, line, why } of dutVectors.garbled) {
  test(`believes nothing of a ${kind} that is damaged: ${why}`, () => {
    assert.deepEqual(parse(kind, line), { kind: 'garbled' });
  });
}

for (const { kind, line, why } of dutVectors.wrong) {
  test(`tells a wrong ${kind} from a damaged one: ${why}`, () => {
    assert.equal(parse(kind, line).kind, 'wrong');
  });
}

for (const { kind, line, message, why } of dutVectors.noisy) {
  test(`finds the ${kind} in a noisy line: ${why}`, () => {
    assert.deepEqual(parse(kind, line), { kind: 'frame', frame: message });
  });
}

test('writes and reads every vector', () => {
  for (const { kind, message, line } of dutVectors.frames) {
    assert.equal(frameLine(message), line);
    assert.deepEqual(parse(kind, line), { kind: 'frame', frame: message });
  }
});

const request = fc.record(
  {
    seq: fc.integer({ min: 0, max: 0xffffffff }),
    cmd: fc.string({ maxLength: 64 }),
    payload: fc.dictionary(
      fc.string({ maxLength: 12, unit: 'binary' }).filter((name) => name !== '__proto__'),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.integer(),
        fc.boolean(),
        fc.constant('{"seq":1,"crc":"00000000"}'),
      ),
    ),
  },
  { requiredKeys: ['seq', 'cmd'], noNullPrototype: true },
);

test('reads back whatever request it wrote, behind any text without a newline', () => {
  const noise = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constant('{"seq":1,"ok":true'),
    fc.constant('{"seq":'),
  );
  fc.assert(
    fc.property(request, noise, (message, before) => {
      const line = before + frameLine(message as FramedRequest);
      // JSON has one zero, JavaScript has two.
      const frame = JSON.parse(JSON.stringify(message)) as FramedRequest;
      assert.deepEqual(parseRequestLine(line), { kind: 'frame', frame });
    }),
  );
});

test('believes no line in which up to 32 bits in a row are flipped', () => {
  const reply: FramedReply = { seq: 7, ok: true, device_id: 'GW-M126000041S' };
  const bytes = Buffer.from(frameLine(reply));
  fc.assert(
    fc.property(fc.nat(bytes.length - 4), fc.uint8Array({ minLength: 4, maxLength: 4 }), (at, mask) => {
      fc.pre(mask.some((byte) => byte !== 0));
      const damaged = Buffer.from(bytes);
      for (let index = 0; index < 4; index++) damaged[at + index]! ^= mask[index]!;
      const read = parseReplyLine(damaged.toString('utf8'));
      // Hits past the message's last brace may only have made white space of nothing: the message stands.
      if (read.kind === 'frame') assert.deepEqual(read.frame, reply);
    }),
    { numRuns: 500 },
  );
});

test('never throws, whatever the line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (line) => {
      parseReplyLine(line);
      parseRequestLine(line);
    }),
  );
});

test('looks for a message in four places at most, so that a line full of beginnings costs four CRCs', () => {
  const nested = (count: number) => ({ seq: 1, ok: true, within: Array(count).fill({ seq: 1 }) });
  assert.equal(parseReplyLine(frameLine(nested(3))).kind, 'frame');
  assert.equal(parseReplyLine(frameLine(nested(4))).kind, 'garbled');
});
