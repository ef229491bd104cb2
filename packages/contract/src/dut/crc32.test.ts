import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { crc32Hex } from './crc32.ts';
import { dutVectors } from './vectors.test-kit.ts';

test('gives the CRC of every vector', () => {
  for (const { text, crc } of dutVectors.crc32) assert.equal(crc32Hex(Buffer.from(text)), crc, text);
});

test('agrees with zlib on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(crc32Hex(bytes), crc32(bytes).toString(16).padStart(8, '0'));
    }),
  );
});
