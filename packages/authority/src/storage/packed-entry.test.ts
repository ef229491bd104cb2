import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { encodeEntry } from '@imprint/contract/audit/entry';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { wholeWay } from '../ledger/history.test-kit.ts';
import { entryDictionary } from './entry-dictionary.ts';
import { packEntry, unpackEntry } from './packed-entry.ts';

const entries = wholeWay('SN-00000001')
  .flat()
  .map((draft) => {
    const entry = { v: 1, at: '2026-01-09T08:00:00.000Z', realm: 'dev', salt: '5a'.repeat(16), ...draft };
    return { type: draft.type, bytes: encodeEntry(entry as never) };
  });
const opened = entries.find(({ type }) => type === 'job.opened')!;

test('an entry comes out as it went in, and a job’s entries take less than half', () => {
  let [stored, whole] = [0, 0];
  for (const { type, bytes } of entries) {
    const packed = packEntry(type, bytes);
    assert.deepEqual(Buffer.from(unpackEntry(packed)), Buffer.from(bytes));
    if (type.startsWith('credential.')) continue;
    stored += packed.length;
    whole += bytes.length;
  }
  assert.ok(stored < whole / 2, `${stored} of ${whole} bytes`);
});

test('the dictionary is the one that stored entries were packed with', () => {
  assert.equal(
    sha256Hex(Buffer.from(entryDictionary)),
    '32e040e053c7c9f3583dfcd2259557651669f0ac0499ecf425159b80e1e3b634',
  );
});

test('what packing does not shorten is stored as it is', () => {
  const bytes = Buffer.from('{}');
  assert.equal(packEntry('job.opened', bytes), bytes);
  assert.equal(unpackEntry(bytes), bytes);
});

test('I-16: refuses a packed entry of which any bit was flipped, or that is longer or shorter', () => {
  const packed = packEntry(opened.type, opened.bytes);
  for (let bit = 8; bit < packed.length * 8; bit++) {
    const flipped = Uint8Array.from(packed);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => unpackEntry(flipped), { code: 'log_inconsistent' }, `bit ${bit}`);
  }
  for (const other of [packed.subarray(0, 3), packed.subarray(0, -1), Buffer.concat([packed, Buffer.of(0)])])
    assert.throws(() => unpackEntry(other), { code: 'log_inconsistent' });
});

test('an entry that unpacks to more than an entry may hold is refused, and not unpacked to its end', () => {
  const longest = Buffer.alloc(limits.logEntryBytes, 0x20);
  assert.equal(unpackEntry(packEntry('job.opened', longest)).length, limits.logEntryBytes);
  const bomb = packEntry('job.opened', Buffer.alloc(limits.logEntryBytes + 1, 0x20));
  assert.ok(bomb.length < deflateRawSync(longest).length * 4);
  assert.throws(() => unpackEntry(bomb), { code: 'log_inconsistent' });
});
