/** What is rebuilt in a thread of its own is judged as what is rebuilt here. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { leafHash } from '@imprint/contract/audit/merkle';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { append, draft, opening, quarantined, transitioned, wholeWay } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { createSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import type { Finding } from './finding.ts';
import { type VerifyReport, verifyLog } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-beside-'));
after(() => rmSync(folder, { recursive: true }));
// where the thread's file is made
const temporary = mkdtempSync(join(folder, 'temporary-'));
process.env.SQLITE_TMPDIR = temporary;
let files = 0;

/** Units that are done and set aside, and entries enough for several pages. */
async function aFactory(): Promise<Storage> {
  const storage = await createSqlite(join(folder, String(files++), 'authority.db'), 'dev');
  const { ledger } = testLedger(storage);
  await append(ledger, ...opening(['SN-00000001', 'SN-00000002']));
  for (const entries of wholeWay('SN-00000001')) await append(ledger, ...entries);
  await append(ledger, ...wholeWay('SN-00000002')[0]!, ...quarantined('SN-00000002'));
  const people = Array.from({ length: 5_200 }, (_, at) =>
    draft('operator.registered', { operator_id: `op-x${at}` }),
  );
  await append(ledger, ...people);
  await ledger.close();
  return storage;
}

const text = (finding: Finding) => JSON.stringify(finding);

/** Verified in both ways, which agree. */
async function verified({ reader }: Storage): Promise<VerifyReport> {
  const here = await verifyLog(reader, { realm: 'dev', besideFrom: Number.POSITIVE_INFINITY });
  const beside = await verifyLog(reader, { realm: 'dev', besideFrom: 0 });
  // an entry that cannot follow is told a little later
  const sorted = (report: VerifyReport) => ({ ...report, findings: report.findings.map(text).sort() });
  assert.deepEqual(sorted(beside), sorted(here));
  assert.deepEqual(readdirSync(temporary), []);
  return beside;
}

test('I-15: beside a sound log nothing is found, and a changed, missing or added row is, as it is here', async () => {
  const storage = await aFactory();
  const { writer } = storage;
  assert.deepEqual((await verified(storage)).findings, []);
  await writer.updateTable('job').set({ sku: 'other' }).where('device_id', '=', 'SN-00000001').execute();
  await writer.deleteFrom('operator').where('operator_id', '=', 'op-x5199').execute();
  await writer
    .insertInto('unit')
    .values({ hardware_uid: 'z=1', quarantined: 0 } as never)
    .execute();
  const { findings } = await verified(storage);
  assert.deepEqual(
    findings.map(({ table }) => table),
    ['unit', 'job', 'operator'],
  );
  await storage.close();
});

test('I-16: an entry that cannot follow on those before it is named, and the tables are not compared', async () => {
  const storage = await aFactory();
  const { log_index } = await storage.reader
    .selectFrom('log_entry')
    .select('log_index')
    .orderBy('log_index', 'desc')
    .executeTakeFirstOrThrow();
  const { type, actor, data } = transitioned('SN-00000001', 'allocated', 'shipped');
  const at = '2026-01-09T08:00:00.000Z';
  const bytes = Buffer.from(
    canonicalJson({ v: 1, type, at, realm: 'dev', actor, salt: '0'.repeat(32), data }),
  );
  const entry = { log_index: log_index + 1, packed: bytes, leaf_hash: leafHash(bytes) };
  await storage.writer.insertInto('log_entry').values(entry).execute();
  const { findings } = await verified(storage);
  const found = findings.find(({ what }) => /cannot follow/.test(what));
  assert.equal(found?.row, `log_index=${log_index + 1}`);
  assert.match(found.what, /cannot become shipped/);
  await storage.close();
});
