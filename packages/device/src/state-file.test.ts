/** A device's record: old or new after any stop, refused where it is no record, and its owner's alone. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import { type DeviceState, readState, writeState } from './device-state.ts';
import { stateFile } from './state-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-device-state-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'device.json');

const record: DeviceState = {
  ...{ v: 1, realm: 'dev', device_id: 'GW-M1-00001', anchors_b64: ['AAAA'], bundle_version: 0 },
  idevid: { key: 'k-1', chain_b64: ['AAAA', 'BBBB'] },
  ...{ ldevid: null, former: null, asked: null, configuration: null },
  clock_floor: '2026-11-24T08:00:00.000Z',
};

test('what was written is read again, by its owner alone', async () => {
  const store = stateFile(path);
  await assert.rejects(readState(store), (error) => isImprintError(error, 'home_missing'));
  await writeState(store, record);
  assert.deepEqual(await readState(store), record);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('what a stop in the midst of writing left is passed over', async () => {
  const store = stateFile(path);
  writeFileSync(`${path}.new`, readFileSync(path, 'utf8').slice(0, 40));
  assert.deepEqual(await readState(store), record);
  await writeState(store, { ...record, bundle_version: 7 });
  assert.equal((await readState(store)).bundle_version, 7);
});

test('a record that is cut, foreign or of another version is refused, and stays as it is', async () => {
  for (const text of [
    '',
    '{',
    '[]',
    JSON.stringify({ ...record, v: 2 }),
    JSON.stringify({ ...record, extra: 1 }),
  ]) {
    writeFileSync(path, text);
    await assert.rejects(readState(stateFile(path)), (error) => isImprintError(error, 'file_invalid'));
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});
