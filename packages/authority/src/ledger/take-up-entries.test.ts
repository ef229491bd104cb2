/** Entries that a log has had before: taken byte for byte up to a signed head, over many tiles, or not at all. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { appendLeaf, emptyFrontier, frontierRoot, leafHash } from '@imprint/contract/audit/merkle';
import { logEntries } from '../audit/log-entries.ts';
import { verifyLog } from '../audit/verify.ts';
import { createSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import { append, draft, opening } from './history.test-kit.ts';
import { testLedger } from './ledger.suite.ts';
import type { LogHead } from './ledger.ts';
import { type RecordedEntry, takeUpEntries } from './take-up-entries.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-take-up-'));
const entries: RecordedEntry[] = [];
const operators = 2_600;
let whole: LogHead;

before(async () => {
  const storage = await createSqlite(join(folder, 'whole', 'a.db'), 'dev');
  const { ledger } = testLedger(storage);
  await append(ledger, ...opening(['SN-00000001']));
  await append(
    ledger,
    ...Array.from({ length: operators }, (_, at) =>
      draft('operator.registered', { operator_id: `more-${at}` }),
    ),
  );
  whole = await ledger.head();
  for await (const { log_index, bytes } of logEntries(storage.reader))
    entries.push({ index: log_index, bytes });
  await ledger.close();
  await storage.close();
});
after(() => rmSync(folder, { recursive: true }));

async function* given(list: readonly RecordedEntry[]) {
  yield* list;
}
let logs = 0;
/** A log that has the first of the entries, and what is made of it. */
async function from(size: number, work: (storage: Storage) => Promise<void>): Promise<void> {
  const storage = await createSqlite(join(folder, String(logs++), 'a.db'), 'dev');
  if (size > 0) {
    const upTo = { size, root: rootOf(size) };
    await takeUpEntries(storage, given(entries.slice(0, size)), upTo);
  }
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}
function rootOf(size: number): Uint8Array {
  let frontier = emptyFrontier;
  for (const { bytes } of entries.slice(0, size)) frontier = appendLeaf(frontier, leafHash(bytes));
  return frontierRoot(frontier);
}
const headOf = ({ reader }: Storage) =>
  reader.selectFrom('log_head').select(['size', 'root']).executeTakeFirstOrThrow();

test('I-15, I-16: from wherever a log is, it becomes the whole one: entries, tiles, head and tables', async () => {
  for (const size of [0, 1, 255, 256, 257, 1_500, entries.length]) {
    await from(size, async (storage) => {
      assert.equal(await takeUpEntries(storage, given(entries), whole), entries.length - size);
      const report = await verifyLog(storage.reader, { realm: 'dev' });
      assert.deepEqual([report.findings, report.size], [[], whole.size]);
      assert.deepEqual(Buffer.from((await headOf(storage)).root), Buffer.from(whole.root));
    });
  }
});

test('what lies beyond the signed head is not taken', async () => {
  await from(10, async (storage) => {
    assert.equal(await takeUpEntries(storage, given(entries), { size: 300, root: rootOf(300) }), 290);
    assert.equal((await headOf(storage)).size, 300);
  });
});

test('I-16: a gap, a changed entry, one in another order, too few, and none at all leave the log as it was', async () => {
  const changed = entries.map((entry, at) =>
    at === 1_200
      ? { ...entry, bytes: Buffer.from(Buffer.from(entry.bytes).toString().replace('more-', 'mere-')) }
      : entry,
  );
  const swapped = entries.map((entry, at) => (at === 50 ? entries[51]! : at === 51 ? entries[50]! : entry));
  for (const list of [
    entries.filter((_, at) => at !== 1_100),
    changed,
    swapped,
    entries.slice(0, 1_300),
    [],
  ]) {
    await from(20, async (storage) => {
      await assert.rejects(takeUpEntries(storage, given(list), whole), { code: 'log_inconsistent' });
      assert.equal((await headOf(storage)).size, 20);
      assert.deepEqual((await verifyLog(storage.reader, { realm: 'dev' })).findings, []);
    });
  }
});

test('an entry that this version does not know is refused with what is wrong', async () => {
  const strange = entries.map((entry, at) =>
    at === 40 ? { ...entry, bytes: Buffer.from('{"a":1}') } : entry,
  );
  await from(20, (storage) =>
    assert.rejects(takeUpEntries(storage, given(strange), whole), { code: 'entry_invalid' }),
  );
});
