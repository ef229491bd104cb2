import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, equalBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, toUtf8 } from './bytes.ts';
import { sha256, sha256Hex, sha384 } from './hash.ts';

const refusedHex = ['0', 'AB', '0g', ' 00', '00 ', '0x', '\u0660\u0660'];
for (const text of refusedHex) {
  test(`refuses ${JSON.stringify(text)} as hexadecimal`, () => {
    assert.throws(() => fromHex(text), { code: 'bad_request' });
  });
}

const refusedBase64 = [
  'A',
  'AA',
  'AAA',
  'AB==',
  'AAB=',
  '====',
  'A===',
  'AA=A',
  'AAAA\n',
  ' AAAA',
  'AA-_',
  'AA==AAAA',
  'AAA\u0141',
  '=AAA',
];
for (const text of refusedBase64) {
  test(`refuses ${JSON.stringify(text)} as base64`, () => {
    assert.throws(() => fromBase64(text, 'receipt_invalid'), { code: 'receipt_invalid' });
  });
}

test('refuses bytes that are not UTF-8 and text that UTF-8 cannot carry', () => {
  for (const hex of ['ff', 'c080', 'eda080', 'e282', 'f4908080']) {
    assert.throws(() => fromUtf8(fromHex(hex)), { code: 'bad_request' });
  }
  assert.throws(() => toUtf8('a\ud800'), { code: 'bad_request' });
});

test('keeps a byte order mark, so that text has one encoding', () => {
  assert.equal(fromUtf8(fromHex('efbbbf41')), '\ufeffA');
});

test('agrees with Buffer on hexadecimal and base64, both ways', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'));
      assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'));
      assert.deepEqual(fromHex(toHex(bytes)), bytes);
      assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
    }),
  );
});

test('every base64 text that decodes is the only spelling of its bytes', () => {
  const character = fc.constantFrom(...'ABQgw/+z09=');
  fc.assert(
    fc.property(fc.string({ unit: character, minLength: 4, maxLength: 8 }), (text) => {
      let bytes: Uint8Array;
      try {
        bytes = fromBase64(text);
      } catch {
        return;
      }
      assert.equal(toBase64(bytes), text);
    }),
    { numRuns: 2_000 },
  );
});

test('round-trips any well-formed text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(fromUtf8(toUtf8(text)), text);
    }),
  );
});

test('tells bytes apart by any one bit and by length', () => {
  const bytes = fromHex('00ff80');
  assert.equal(equalBytes(bytes, fromHex('00ff80')), true);
  assert.equal(equalBytes(bytes, fromHex('00ff81')), false);
  assert.equal(equalBytes(bytes, fromHex('80ff80')), false);
  assert.equal(equalBytes(bytes, fromHex('00ff')), false);
  assert.deepEqual(concatBytes(fromHex('00'), fromHex(''), fromHex('ff80')), bytes);
});

test('hashes the FIPS 180 example "abc"', () => {
  const abc = toUtf8('abc');
  assert.equal(sha256Hex(abc), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(toHex(sha256(abc)), sha256Hex(abc));
  assert.equal(
    toHex(sha384(abc)),
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  );
});
