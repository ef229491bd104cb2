import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { concatBytes, toUtf8 } from '../bytes.ts';
import { isImprintError } from '../errors.ts';
import { decodeEntry } from './entry.ts';

const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'));

test('I-16: an entry has one spelling: a byte order mark before it is refused', () => {
  const bytes = toUtf8(vectors.entry.text);
  assert.equal(decodeEntry(bytes).realm, 'dev');
  assert.throws(
    () => decodeEntry(concatBytes(Uint8Array.of(0xef, 0xbb, 0xbf), bytes)),
    (error) => isImprintError(error, 'entry_invalid'),
  );
});
