import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openScratchSqlite } from '../storage/sqlite/open-sqlite.ts';
import { findStation } from './find-station.ts';

test('I-11: the gate sees a revocation as soon as it is committed', async () => {
  const storage = await openScratchSqlite('dev');
  const find = findStation(storage.reader);
  assert.equal(await find('st-1'), undefined);
  const row = {
    station_id: 'st-1',
    site: 'site-1',
    line: 'line-1',
    lanes: 2,
    status: 'confirmed' as const,
    public_key_sha256: '11'.repeat(32),
    serial: '01',
    tbs_sha256: '22'.repeat(32),
    certificate_sha256: '33'.repeat(32),
    certificate: null,
    not_after: '2026-02-08T07:55:00.000Z',
    reason: null,
  };
  await storage.writer.insertInto('station').values(row).execute();
  const expected = {
    status: 'confirmed',
    certificateSha256: '33'.repeat(32),
    notAfter: row.not_after,
    lanes: 2,
  };
  assert.deepEqual({ ...(await find('st-1')) }, expected);
  await storage.writer.updateTable('station').set({ status: 'revoked' }).execute();
  assert.deepEqual({ ...(await find('st-1')) }, { ...expected, status: 'revoked' });
  assert.equal(await find("st-1' or '1'='1"), undefined);
  await storage.close();
});
