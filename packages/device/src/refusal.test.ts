/** What the authority refuses reaches the device under its own code, and how long it is to wait is never a moment and never a year. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refusalOf, retryAfterMs } from './refusal.ts';

const answer = (status: number, body: unknown, headers = {}) => ({
  status,
  headers,
  body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
});

test('a problem document gives its code, text that is none is told by its status', () => {
  const said = { code: 'device_quarantined', title: 'This device is set aside.' };
  assert.equal(refusalOf(answer(409, said)).code, 'device_quarantined');
  assert.equal(refusalOf(answer(403, { code: 'no-such-code' })).code, 'not_authorized');
  assert.equal(refusalOf(answer(502, '<html>')).code, 'unavailable');
  assert.equal(refusalOf(answer(429, '')).code, 'rate_limited');
});

test('whatever stands in Retry-After, the device waits between a second and a day', () => {
  const texts = fc.oneof(fc.string(), fc.integer().map(String), fc.constant('Mon, 30 Nov 2026 22:00:00 GMT'));
  fc.assert(
    fc.property(texts, (text) => {
      const ms = retryAfterMs({ 'retry-after': text });
      assert.ok(ms >= 1000 && ms <= 86_400_000, String(ms));
    }),
  );
  assert.equal(retryAfterMs({ 'retry-after': '90' }), 90_000);
  const now = () => Date.parse('2026-11-30T22:00:00Z');
  assert.equal(retryAfterMs({ 'retry-after': 'Mon, 30 Nov 2026 22:05:00 GMT' }, now), 300_000);
});
