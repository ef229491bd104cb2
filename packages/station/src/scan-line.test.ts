import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import fc from 'fast-check';
import { parseScanLine } from './scan-line.ts';

describe('a scan', () => {
  it('means a lane, a badge, a carrier, a word or a unit, alone or together', () => {
    assert.deepEqual(parseScanLine('LANE-3'), { lane: 3 });
    assert.deepEqual(parseScanLine('OP-1001'), { badge: 'OP-1001' });
    assert.deepEqual(parseScanLine(' LANE-3  GW-M1260000017\t'), { lane: 3, deviceId: 'GW-M1260000017' });
    assert.deepEqual(parseScanLine('CARRIER-A7 POS-2'), { carrier: 'A7', position: 2 });
    assert.deepEqual(parseScanLine('LANE-1 GOLDEN'), { lane: 1, word: 'GOLDEN' });
    assert.deepEqual(parseScanLine('NEXT'), { word: 'NEXT' });
    assert.deepEqual(parseScanLine('FAIL-final-test GW-M1260000017'), {
      result: { operation: 'final-test', outcome: 'fail' },
      deviceId: 'GW-M1260000017',
    });
  });

  it('refuses two scans that ran into one line, and numbers out of range', () => {
    for (const line of [
      'SN-1 SN-2',
      'LANE-1 LANE-2',
      'LANE-0',
      'LANE-65',
      'LANE-x',
      'POS-1000',
      'LANE-01',
      'CARRIER-$',
      'PASS-Final',
      'PASS-a FAIL-b',
    ]) {
      assert.throws(
        () => parseScanLine(line),
        (error) => isImprintError(error, 'bad_request'),
        line,
      );
    }
  });

  it('refuses what no label holds, and never repeats a badge', () => {
    for (const line of ['GW-\u001b[2J', 'ümlaut', '=cmd()', '', 'a'.repeat(300), "x';--"]) {
      assert.throws(
        () => parseScanLine(line),
        (error) => isImprintError(error, 'bad_request', 'device_id_invalid'),
        line,
      );
    }
    assert.throws(
      () => parseScanLine('OP-secret!badge'),
      (error) => isImprintError(error, 'bad_request') && !error.message.includes('secret'),
    );
  });

  it('any text either means something or is refused by name', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (line) => {
        try {
          parseScanLine(line);
        } catch (error) {
          assert.ok(isImprintError(error, 'bad_request', 'device_id_invalid'));
        }
      }),
    );
  });
});
