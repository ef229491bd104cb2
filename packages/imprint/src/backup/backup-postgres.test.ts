/** A backup of a home whose database is PostgreSQL: one file all the same, of one moment. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { TestServer } from '@imprint/authority/storage/postgres/server.test-kit';
import { checkBackup } from './check-backup.ts';
import { at, grow, makeHome, place } from './homes.test-kit.ts';
import { makeBackup } from './make-backup.ts';

const server = await TestServer.start();
const under = place(after);

test('what PostgreSQL holds comes into one file that verifies without a server', async () => {
  const home = await makeHome(under('home'), { database: await server.database() });
  await at(home, async (authority) => {
    await grow(authority, 30);
    let isWriting = false;
    const writing: Promise<void>[] = [];
    const manifest = await makeBackup(authority, under('backup'), () => {
      if (!isWriting) writing.push(grow(authority, 5));
      isWriting = true;
    });
    await Promise.all(writing);
    assert.equal(manifest.size, 31);
    const checked = await checkBackup(under('backup'), authority.logKey);
    assert.equal(checked.checkpoint.size, 31);
    assert.equal((await authority.ledger.head()).size, 36);
  });
});
