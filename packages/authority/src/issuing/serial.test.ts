import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { toHex } from '@imprint/contract/bytes';
import { makeSerial } from './serial.ts';

const now = new Date('2026-01-09T08:00:00.000Z');

describe('serial', () => {
  test('I-4: takes 80 bits from the generator and all of them reach the serial', () => {
    const asked: number[] = [];
    const seen = new Uint8Array(10);
    for (let at = 0; at < 10; at++) {
      const serial = makeSerial(now, (length) => {
        asked.push(length);
        const bytes = new Uint8Array(length);
        bytes[at] = 0xff;
        return bytes;
      });
      assert.equal(serial.length, 17);
      for (let index = 0; index < 10; index++) seen[index]! |= serial[7 + index]!;
      assert.equal(toHex(serial.subarray(7)).replaceAll('00', ''), 'ff');
    }
    assert.deepEqual(new Set(asked), new Set([10]));
    assert.ok(seen.every((octet) => octet === 0xff));
  });

  test('I-4: is unique over many within one millisecond', () => {
    const serials = Array.from({ length: 20_000 }, () => toHex(makeSerial(now, randomBytes)));
    assert.equal(new Set(serials).size, serials.length);
  });

  test('is positive, minimal and at most 20 octets for any time, and sorts by time', () => {
    let before = '';
    for (const time of [0, 1, 255, 256, now.getTime(), now.getTime() + 1, 2 ** 47, 2 ** 48 - 1]) {
      const serial = makeSerial(new Date(time), (length) => new Uint8Array(length).fill(0x5a));
      assert.ok(serial.length <= 20 && serial[0]! > 0 && serial[0]! < 0x80);
      assert.ok(toHex(serial) > before);
      before = toHex(serial);
    }
  });
});
