import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fromPem, toPem } from './pem.ts';

const refused = { code: 'file_invalid' };

describe('PEM', () => {
  it('gives back the bytes of every block in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 4 }),
        (blocks) => {
          const text = blocks.map((der) => toPem('CERTIFICATE', der)).join('');
          assert.deepEqual(fromPem('CERTIFICATE', text), blocks);
          assert.deepEqual(fromPem('CERTIFICATE', text.replaceAll('\n', '\r\n')), blocks);
        },
      ),
    );
  });

  const good = toPem('CERTIFICATE', Uint8Array.of(1, 2, 3));
  for (const [title, text] of [
    ['text before the block', `Bag Attributes\n${good}`],
    ['text behind the block', `${good}trailing`],
    ['another label', toPem('PRIVATE KEY', Uint8Array.of(1))],
    ['a label that ends otherwise', good.replace('END CERTIFICATE', 'END CERTIFICATES')],
    ['base64 with bits left over', good.replace('AQID', 'AQJ=')],
    ['no block', ''],
    ['five blocks where four are allowed', good.repeat(5)],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.throws(() => fromPem('CERTIFICATE', text), refused);
    });
  }
});
