/** A server whose write-ahead log has no room: it ends in the middle of a commit, and cannot come back before there is some. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEntry } from '@imprint/contract/audit/entry';
import { verifyLog } from '../../audit/verify.ts';
import { append, draft } from '../../ledger/history.test-kit.ts';
import { testLedger } from '../../ledger/ledger.suite.ts';
import { unpackEntry } from '../packed-entry.ts';
import { createPostgres, openPostgres } from './open-postgres.ts';
import { TestServer } from './server.test-kit.ts';

const mostEntries = 100;

test('I-1, I-29: a server that ends for want of room is told, keeps what was acknowledged, and is written on without a restart', async () => {
  const server = await TestServer.startOnSmallDisk('wal', 12, 'min_wal_size=2MB', 'max_wal_size=2MB');
  const url = await server.database();
  await (await createPostgres(url, 'dev')).close();
  const storage = await openPostgres(url, 'dev', 500);
  const { ledger } = testLedger(storage);
  const acknowledged: string[] = [];
  const write = async () => {
    const id = `op-${acknowledged.length}`;
    await append(ledger, draft('operator.registered', { operator_id: id }));
    acknowledged.push(id);
  };
  await write();
  // as a standby that is away does, and what fills such disks: no part of the log may be used again
  await server.query(`select pg_create_physical_replication_slot('away', true)`);
  server.disk.fill();
  const writing = async () => {
    while (acknowledged.length < mostEntries) {
      await write();
      // to the next part of the log; where there is none, whoever writes next meets the end
      await server.query('select pg_switch_wal()').catch(() => undefined);
    }
  };
  await assert.rejects(writing, { code: 'storage_failed', message: /no connection to database/ });
  await server.ended();
  await assert.rejects(ledger.head(), { code: 'storage_failed' });
  assert.equal(ledger.writable, true);
  server.disk.makeRoom();
  await server.start();
  await write();
  const rows = await storage.reader.selectFrom('log_entry').selectAll().orderBy('log_index').execute();
  assert.deepEqual(
    rows.map(({ packed }) => (decodeEntry(unpackEntry(packed)).data as { operator_id: string }).operator_id),
    acknowledged,
  );
  assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
  await ledger.close();
  await storage.close();
});
