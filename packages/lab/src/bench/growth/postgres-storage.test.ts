import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { verifyLog } from '@imprint/authority/audit/verify';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { computeByOpenssl } from 'imprint/compute-by-openssl';
import { openHome } from '../bench-home.ts';
import { filledHome } from './filled-home.ts';
import { openPostgresStorage } from './postgres-storage.ts';

computeByOpenssl();
const folder = mkdtempSync(join(tmpdir(), 'imprint-growth-'));
// the server's account goes through it
chmodSync(folder, 0o711);
after(() => rmSync(folder, { recursive: true }));

const devices = 20;
const place = join(folder, `postgres-${devices}`);

/** As each run does: the server with its data as it was left, the authority filled or taken up. */
async function run<T>(work: (home: Awaited<ReturnType<typeof openHome>>) => Promise<T>): Promise<T> {
  const storage = await openPostgresStorage(folder);
  try {
    await filledHome(place, devices, storage, () => undefined);
    const home = await openHome(join(place, 'authority'));
    try {
      return await work(home);
    } finally {
      await home.authority.close();
    }
  } finally {
    await storage.close();
  }
}

test('a filled authority on PostgreSQL verifies, and the next run takes it up as it was left', async () => {
  const report = await run(({ authority }) =>
    withSnapshot(authority.storage, (reader) => verifyLog(reader, { realm: 'dev' })),
  );
  assert.deepEqual(report.findings, []);
  const head = await run(({ authority }) => authority.ledger.head());
  assert.equal(head.size, report.size);
});
