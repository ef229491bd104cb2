/** Files of devices: what is wrong is named by its line and nothing counts, under caps on bytes, rows and cells. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { parseDeviceList } from './device-list-file.ts';

const refused = (text: string, at: RegExp, code = 'file_invalid') =>
  assert.throws(
    () => parseDeviceList(text, 'd.csv'),
    (error) => isImprintError(error, code as 'file_invalid') && at.test(error.message),
  );

test('takes one ID a line, and CSV with further columns in any order', () => {
  const plain = [
    { deviceId: 'GW-1', reason: null },
    { deviceId: 'GW-2', reason: null },
  ];
  assert.deepEqual(parseDeviceList('GW-1\nGW-2\n', 'd.csv'), plain);
  assert.deepEqual(parseDeviceList('\uFEFFdevice_id\r\nGW-1\r\n\r\nGW-2\r\n', 'd.csv'), plain);
  assert.deepEqual(parseDeviceList('box,reason,device_id\n7,"wet, cold",GW-1\n7,,GW-2\n', 'd.csv'), [
    { deviceId: 'GW-1', reason: 'wet, cold' },
    { deviceId: 'GW-2', reason: null },
  ]);
});

test('names the line of what is no device ID, stands twice or is no CSV', () => {
  refused('device_id\nGW-1\n=HYPERLINK("x")\n', /d\.csv:3:1: /);
  refused('GW-1\n"GW-2\u0000"\n', /d\.csv:2:1: .* is no device ID/);
  refused('GW-1\nGW-2\nGW-1\n', /d\.csv:3:1: GW-1 stands in line 1 already/);
  refused('device_id,reason\nGW-1,a\nGW-2\n', /no CSV/);
  refused('GW-1\n"GW-2\n', /no CSV/);
  refused('', /names no device/);
  refused('device_id\n', /names no device/);
  refused(`device_id,reason\nGW-1,${'x'.repeat(501)}\n`, /more than 500/);
});

test('has caps on a cell, on rows and on the whole', () => {
  refused(`GW-${'1'.repeat(5_000)}\n`, /no CSV|no device ID/);
  const rows = Array.from({ length: limits.transitionsPerList + 1 }, (_, at) => `GW-${at}\n`).join('');
  refused(rows, /at most/);
  refused('x'.repeat(limits.transitionListBytes + 1), /longer/, 'request_too_large');
});
