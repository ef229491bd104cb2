import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, fromHex, toHex } from '../bytes.ts';
import { checkDer, compareEncodings, contextTag, DerReader, derTag } from './der.ts';
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derImplicit,
  derInteger,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSetOf,
  derTime,
  derUtf8String,
  ia5Octets,
} from './der-writer.ts';

const over = (hex: string) => DerReader.over(fromHex(hex), 4096);

/** Name, hex, and the offset that the error must name. */
const refused: [string, string, number][] = [
  ['nothing at all', '', 0],
  ['a tag without a length', '30', 1],
  ['an indefinite length', '30800000', 1],
  ['a length in long form that fits the short one', '04810100', 1],
  ['a length with a leading zero', `0482007f${'00'.repeat(127)}`, 1],
  ['a length with a leading zero over 127', `04820080${'00'.repeat(128)}`, 1],
  ['a length of four octets', '048400000001', 1],
  ['a minimal length of four octets', '048401000000', 1],
  ['a length that is cut off', '0482', 2],
  ['content that is cut off', '0402ff', 0],
  ['a child longer than its parent', '30030404ffffffff', 2],
  ['trailing bytes', '050000', 2],
  ['a tag number over 30', '1f8100', 0],
  ['tag 0', '0000', 0],
  ['an empty INTEGER', '0200', 0],
  ['an INTEGER with a needless 00', '0202007f', 0],
  ['an INTEGER with a needless ff', '0202ff80', 0],
  ['a BOOLEAN of 01', '010101', 0],
  ['an empty BOOLEAN', '0100', 0],
  ['a BOOLEAN of two octets', '0102ffff', 0],
  ['a NULL with content', '050100', 0],
  ['an empty OID', '0600', 0],
  ['an OID that is cut off', '06022a86', 0],
  ['an OID with a padded arc', '06032a8001', 0],
  ['an OID over the cap', `0641${'2a'.repeat(65)}`, 0],
  ['a BIT STRING without its first octet', '0300', 0],
  ['a BIT STRING with eight unused bits', '03020800', 0],
  ['a BIT STRING with unused bits and no bits', '030101', 0],
  ['a BIT STRING whose unused bits are not zero', '03020181', 0],
  ['a UTF8String that is not UTF-8', '0c02c080', 0],
  ['a PrintableString with an underscore', '13015f', 0],
  ['an IA5String with a byte over 7f', '160180', 0],
  ['an unsorted SET OF', '3106020102020101', 5],
  ['a primitive SEQUENCE', '1000', 0],
  ['a primitive SET', '1100', 0],
];
for (const [name, hex, offset] of refused) {
  test(`refuses ${name}, naming the offset`, () => {
    assert.throws(
      () => checkDer(fromHex(hex), 4096),
      (error: Error & { code?: string; context?: { offset: number } }) => {
        assert.equal(error.code, 'der_invalid');
        assert.equal(error.context?.offset, offset);
        return true;
      },
    );
  });
}

const refusedTimes = [
  ['171132363031303130303030303030302b303030', 'an offset'],
  ['170b3236303130313030303030', 'no seconds'],
  ['170d3236303233303030303030305a', 'a 30th of February'],
  ['170d3236303130313234303030305a', 'hour 24'],
  ['170d3236303130313030303036305a', 'second 60'],
  ['180f32303439313233313233353935395a', 'a GeneralizedTime before 2050'],
  ['181132303530303130313030303030302e305a', 'fractions'],
  ['180f3230353030313031303030303030', 'a wrong length'],
  ['0c0d3236303130313030303030305a', 'a string for a time'],
];
for (const [hex, name] of refusedTimes) {
  test(`refuses ${name} in a certificate's time`, () => {
    assert.throws(() => over(hex!).time(), { code: 'der_invalid' });
  });
}

test('refuses a wrong tag, a negative or large small integer, trailing named bits and part octets', () => {
  for (const act of [
    () => over('0500').enter(),
    () => over('').enter(),
    () => over('0201ff').smallInteger(),
    () => over('02050080000000').smallInteger(),
    () => over('03020080').namedBits(),
    () => over('030207c0').namedBits(),
    () => over('03020780').bitString(),
    () => over('0402ffff').text(),
    () => over('04024141').text(),
    () => over('8c024141').text(),
    () => over('0500').end(),
    () => over('050100').null(),
    () => over('3106020102020101').setOf(),
  ]) {
    assert.throws(act, { code: 'der_invalid' });
  }
});

test('refuses DER over the byte cap and nested over the depth cap', () => {
  assert.throws(() => checkDer(derOctetString(new Uint8Array(9)), 10), { code: 'der_invalid' });
  let nested: Uint8Array = derNull;
  for (let depth = 0; depth < 24; depth++) nested = derSequence(nested);
  checkDer(nested, 4096);
  assert.throws(() => checkDer(derSequence(nested), 4096), { code: 'der_invalid' });
});

test('hostile input costs no more than its bytes: a 250 kB OID, string and integer, 80,000 NULLs, deep nesting', () => {
  const inputs = [
    derElement(derTag.oid, new Uint8Array(250_000).fill(0x81)),
    derElement(derTag.utf8String, new Uint8Array(250_000).fill(0x41)),
    derElement(derTag.printableString, new Uint8Array(250_000).fill(0x41)),
    derElement(derTag.integer, new Uint8Array(250_000).fill(0x41)),
    derSequence(new Uint8Array(160_000).map((_, at) => derNull[at % 2]!)),
    new Uint8Array(250_000).fill(0x30),
  ];
  const before = process.cpuUsage();
  for (const input of inputs) {
    try {
      checkDer(input, 256 * 1024);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'der_invalid');
    }
  }
  // a parser that is quadratic in any of these takes minutes; a second of CPU leaves room for a loaded machine
  assert.ok(process.cpuUsage(before).user < 1_000_000);
});

test('reads what OpenSSL and the standards write for integers, OIDs, bits and times', () => {
  assert.equal(over('06032a8648').oid(), '1.2.840');
  assert.equal(over('0603883703').oid(), '2.999.3');
  assert.equal(over('06012a').oid(), '1.2');
  assert.deepEqual(over('030206c0').namedBits(), [0, 1]);
  assert.deepEqual(over('0303070080').namedBits(), [8]);
  assert.equal(over('170d3439313233313233353935395a').time(), '2049-12-31T23:59:59.000Z');
  assert.equal(over('170d3530303130313030303030305a').time(), '1950-01-01T00:00:00.000Z');
  assert.equal(over('180f39393939313233313233353935395a').time(), '9999-12-31T23:59:59.000Z');
  assert.equal(toHex(derInteger(0)), '020100');
  assert.equal(toHex(derInteger(128)), '02020080');
  assert.equal(toHex(derInteger(fromHex('000080'))), '02020080');
  assert.equal(toHex(derInteger(fromHex(''))), '020100');
  assert.equal(toHex(derBoolean(true)), '0101ff');
  assert.equal(toHex(derSetOf(derInteger(2), derInteger(1))), '3106020101020102');
});

test('refuses to write what has no encoding', () => {
  for (const dotted of ['', '1', '3.1', '1.40', '1.2.', '1.2.03', '1.2.x']) {
    assert.throws(() => derOid(dotted), { code: 'internal' });
  }
  assert.throws(() => derInteger(-1), { code: 'internal' });
  assert.throws(() => derPrintableString('a_b'), { code: 'bad_request' });
  assert.throws(() => ia5Octets('\u00e9'), { code: 'bad_request' });
  for (const iso of [
    '2026-01-01',
    '2026-13-01T00:00:00Z',
    '1949-12-31T23:59:59Z',
    '2026-01-01T00:00:00+00:00',
  ]) {
    assert.throws(() => derTime(iso), { code: 'bad_request' });
  }
});

test('what the writer writes, the reader reads back', () => {
  const arc = fc.oneof(fc.nat({ max: 300 }).map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 128n }));
  const oid = fc
    .tuple(fc.nat({ max: 2 }), fc.nat({ max: 39 }), fc.array(arc, { maxLength: 3 }))
    .map(([first, second, rest]) => [first, second, ...rest].join('.'));
  fc.assert(fc.property(oid, (dotted) => assert.equal(DerReader.over(derOid(dotted), 4096).oid(), dotted)));
  const length = fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536);
  fc.assert(
    fc.property(length, (length) => {
      const content = new Uint8Array(length).fill(1);
      const reader = DerReader.over(derOctetString(content), 100_000);
      assert.deepEqual(reader.octetString(), content);
      reader.end();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 30 }), (octets) => {
      const content = DerReader.over(derInteger(octets), 4096).integer();
      assert.equal(BigInt(`0x${toHex(content)}`), BigInt(`0x${toHex(octets)}`));
    }),
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 40 })), (bits) => {
      const read = DerReader.over(derNamedBits(...bits), 4096).namedBits();
      assert.deepEqual(
        read,
        bits.toSorted((left, right) => left - right),
      );
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 4 })), (parts) => {
      const encoded = parts.map((part) => derOctetString(part));
      const read = DerReader.over(derSetOf(...encoded), 4096).setOf();
      assert.deepEqual(
        read.map(({ bytes }) => toHex(bytes)),
        encoded.toSorted(compareEncodings).map(toHex),
      );
    }),
  );
  const date = fc.date({
    min: new Date('1950-01-01'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(date, (date) => {
      const iso = date.toISOString();
      assert.equal(DerReader.over(derTime(iso), 4096).time(), `${iso.slice(0, 19)}.000Z`);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      assert.equal(DerReader.over(derUtf8String(text), 4096).text(), text);
    }),
  );
});

const leaf = fc.oneof(
  fc.nat().map(derInteger),
  fc.boolean().map(derBoolean),
  fc.uint8Array({ maxLength: 200 }).map((octets) => derOctetString(octets)),
  fc.uint8Array({ maxLength: 20 }).map(derBitString),
  fc.constantFrom('2.25.1', '1.2.840.10045.2.1', '2.5.4.3').map(derOid),
  fc.string({ maxLength: 20 }).map(derUtf8String),
  fc.constant(derNull),
  fc.uint8Array({ maxLength: 5 }).map((octets) => derImplicit(2, octets)),
);
const { tree } = fc.letrec<{ tree: Uint8Array }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }).map((parts) => derSequence(...parts)),
    fc.array(tie('tree'), { maxLength: 4 }).map((parts) => derSetOf(...parts)),
    tie('tree').map((part) => derExplicit(3, part)),
  ),
}));

test('any tree that the writer writes passes the check, and no prefix or extension of it does', () => {
  fc.assert(
    fc.property(tree, fc.nat(), (bytes, cut) => {
      checkDer(bytes, 1_000_000);
      const extended = concatBytes(bytes, Uint8Array.of(0));
      assert.throws(() => checkDer(extended, 1_000_000), { code: 'der_invalid' });
      assert.throws(() => checkDer(bytes.subarray(0, cut % bytes.length), 1_000_000), {
        code: 'der_invalid',
      });
    }),
  );
});

test('any bytes are either refused as der_invalid or accepted, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        checkDer(bytes, 4096);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'der_invalid');
      }
    }),
    { numRuns: 3_000 },
  );
});

test('openssl asn1parse reads what the writer writes', () => {
  const sample = derSequence(
    derInteger(fromHex('ff00112233445566')),
    derOid('2.25.329800735698586629295641978511506172918'),
    derSetOf(derSequence(derOid('2.5.4.3'), derUtf8String('Gerät')), derPrintableString('SN-1')),
    derBoolean(true),
    derNull,
    derNamedBits(5, 6),
    derOctetString(new Uint8Array(300)),
    derTime('2049-12-31T23:59:59.999Z'),
    derTime('9999-12-31T23:59:59Z'),
    derExplicit(3, derSequence(derImplicit(6, ia5Octets('urn:imprint:dev:SN-1')))),
  );
  const shown = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: sample, encoding: 'utf8' });
  for (const part of [
    'FF00112233445566',
    ':2.25.329800735698586629295641978511506172918',
    ':commonName',
    ':SN-1',
    'BOOLEAN           :255',
    'NULL',
    'BIT STRING',
    'l= 300 prim: OCTET STRING',
    ':491231235959Z',
    ':99991231235959Z',
    'cont [ 3 ]',
    'cont [ 6 ]',
  ]) {
    assert.ok(shown.includes(part), `${part} in\n${shown}`);
  }
  assert.equal(contextTag(3, true), 0xa3);
});
