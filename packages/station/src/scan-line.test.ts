import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import fc from 'fast-check';
import { hideBadges, parseScanLine } from './scan-line.ts';

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

  it('I-19: takes a badge in the wrong case, or run into another scan, for nothing else', () => {
    const spoilt = ['op-4711', 'Op-4711', 'LANE-1OP-4711', 'CARRIER-OP-4711', 'POS-2OP-4711', 'PASS-op-4711'];
    for (const line of [...spoilt, 'CARRIER-A7op-4711', 'GW-M1260000017OP-4711']) {
      assert.throws(
        () => parseScanLine(line),
        (error) => isImprintError(error, 'bad_request') && !error.message.includes('4711'),
        line,
      );
    }
    assert.deepEqual(parseScanLine('CARRIER-SHOP-3'), { carrier: 'SHOP-3' });
    assert.deepEqual(parseScanLine('SHOP-M1260000017'), { deviceId: 'SHOP-M1260000017' });
  });

  it('I-19: badges are hidden in a text wherever they stand in it, and nothing else is', () => {
    assert.equal(hideBadges('"LANE-1op-4711" is no lane'), '"LANE-1OP-…" is no lane');
    assert.equal(hideBadges('OP-4711 OP-5 GW-M12'), 'OP-… OP-… GW-M12');
    assert.equal(hideBadges('lane 3 is at work on GW-M1260000017'), 'lane 3 is at work on GW-M1260000017');
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
