/** A backup of a home whose database is PostgreSQL: one file all the same, of one moment. */
import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportEntries } from '@imprint/authority/audit/export';
import { verifyLog } from '@imprint/authority/audit/verify';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { authorityHome, readConfiguration } from '../authority-home.ts';
import { migrateAuthority } from '../migrate-authority.ts';
import { releaseHome } from '../restore/release.ts';
import { restoreBackup } from '../restore/restore-backup.ts';
import { checkBackup } from './check-backup.ts';
import { at, grow, makeHome, place, signed, sizeOf } from './homes.test-kit.ts';
import { makeBackup } from './make-backup.ts';

const server = await TestServer.start();
const under = place(after);

test('what PostgreSQL holds comes into one file that verifies without a server', async () => {
  const home = await makeHome(under('home'), { database: await server.database() });
  await at(home, async (authority) => {
    const begun = (await authority.ledger.head()).size;
    await grow(authority, 30);
    let isWriting = false;
    const writing: Promise<void>[] = [];
    const manifest = await makeBackup(authority, under('backup'), () => {
      if (!isWriting) writing.push(grow(authority, 5));
      isWriting = true;
    });
    await Promise.all(writing);
    assert.equal(manifest.size, begun + 30);
    const checked = await checkBackup(under('backup'), authority.logKey);
    assert.equal(checked.checkpoint.size, begun + 30);
    assert.equal((await authority.ledger.head()).size, begun + 35);
  });
});

test('I-16: what was restored from PostgreSQL is held in a file, stays held when it is moved to a server, and is released there', async () => {
  const home = await makeHome(under('lost'), { database: await server.database() });
  const begun = await sizeOf(home);
  cpSync(join(home, 'keys'), under('safe', 'keys'), { recursive: true });
  cpSync(join(home, 'dev-passphrase'), under('safe', 'dev-passphrase'));
  await at(home, async (authority) => {
    await grow(authority, 5);
    await makeBackup(authority, under('of-lost'));
    await grow(authority, 300);
    writeFileSync(under('note'), await signed(authority));
    let lines = '';
    for await (const line of exportEntries(authority.ledger.reader)) lines += line;
    writeFileSync(under('entries'), lines);
  });
  const restored = under('restored');
  await restoreBackup({ from: under('of-lost'), home: restored, keys: under('safe', 'keys') });
  assert.equal(readConfiguration(authorityHome(restored)).database, undefined);
  await migrateAuthority(restored, await server.database());
  await at(restored, (authority) => assert.rejects(grow(authority, 1), { code: 'log_held' }));
  const evidence = { home: restored, checkpoint: [under('note')] };
  await assert.rejects(releaseHome(evidence), {
    code: 'log_inconsistent',
    message: new RegExp(`entries ${begun + 5} to ${begun + 304} are missing`),
  });
  assert.equal((await releaseHome({ ...evidence, entries: [under('entries')] })).size, begun + 305);
  await at(restored, async (authority) => {
    await grow(authority, 1);
    const report = await withSnapshot(authority.storage, (reader) => verifyLog(reader, { realm: 'dev' }));
    assert.deepEqual([report.ok, report.size], [true, begun + 307]);
  });
});
