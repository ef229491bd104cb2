/** A certificate is renewed well before its end, at a moment of the device's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { renewAtMs } from './renewal.ts';

const dayMs = 86_400_000;

test('whatever the life and the device, renewal falls between 56 and 77 hundredths of it', () => {
  const begins = fc.date({ min: new Date('2020-01-01'), max: new Date('2090-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(
      begins,
      fc.integer({ min: 1, max: 3650 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (begin, days, fraction) => {
        const life = {
          notBefore: begin.toISOString(),
          notAfter: new Date(begin.getTime() + days * dayMs).toISOString(),
        };
        const share = (renewAtMs(life, fraction)! - begin.getTime()) / (days * dayMs);
        assert.ok(share > 0.56 && share < 0.77, String(share));
      },
    ),
  );
});

test('devices of one day do not come at one moment, and what never ends is not renewed', () => {
  const life = { notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2026-03-01T00:00:00.000Z' };
  assert.notEqual(renewAtMs(life, 0.1), renewAtMs(life, 0.2));
  assert.equal(renewAtMs({ ...life, notAfter: '9999-12-31T23:59:59.000Z' }, 0.5), null);
});
