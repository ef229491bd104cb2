import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { isImprintError } from '../errors.ts';
import { bodyCap, readBase64Body, writeBase64Body } from './base64-body.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('whatever is written is read, wrapped in lines of any length and any line end', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.integer({ min: 4, max: 100 }),
      fc.constantFrom('\n', '\r\n', ' \n', '\t\r\n'),
      (der, width, end) => {
        const whole = writeBase64Body(der);
        const wrapped = whole.replace(new RegExp(`.{${width}}`, 'g'), (line) => line + end);
        for (const body of [whole, `${whole}\n`, wrapped]) {
          assert.deepEqual(readBase64Body(bytes(body), der.length + 100), der);
        }
      },
    ),
  );
});

test('OpenSSL reads what is written, and what OpenSSL writes is read', () => {
  const der = Uint8Array.from({ length: 200 }, (_, at) => at);
  const decoded = execFileSync('openssl', ['base64', '-d', '-A'], { input: writeBase64Body(der) });
  assert.deepEqual(Uint8Array.from(decoded), der);
  const encoded = execFileSync('openssl', ['base64'], { input: der });
  assert.deepEqual(readBase64Body(encoded, 200), der);
});

for (const [what, body] of [
  ['nothing', ''],
  ['white space alone', ' \r\n'],
  ['a PEM block', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'],
  ['the URL alphabet', 'AA-_'],
  ['missing padding', 'AAA'],
  ['padding bits that are set', 'AAB='],
  ['padding in the middle', 'AA==AAAA'],
  ['a vertical tab', 'AA\vAA'],
  ['raw DER', '\x30\x03\x02\x01\x00'],
] as const) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => readBase64Body(bytes(body), 100),
      (error) => isImprintError(error, 'bad_request'),
    );
  });
}

test('refuses bytes that are no text, and a body over the cap before it is decoded', () => {
  assert.throws(
    () => readBase64Body(Uint8Array.of(0xff, 0xfe), 100),
    (error) => isImprintError(error, 'bad_request'),
  );
  const most = Uint8Array.from({ length: 4096 });
  const crlf = writeBase64Body(most).replace(/.{64}/g, '$& \r\n');
  assert.ok(crlf.length <= bodyCap(4096));
  assert.deepEqual(readBase64Body(bytes(crlf), 4096), most);
  assert.throws(
    () => readBase64Body(bytes('A'.repeat(bodyCap(4096) + 1)), 4096),
    (error) => isImprintError(error, 'request_too_large'),
  );
});
