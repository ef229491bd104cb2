import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { verifierKey, verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { leafHash, verifyConsistency, verifyInclusion } from '@imprint/contract/audit/merkle';
import { tilePath } from '@imprint/contract/audit/tile';
import { type Kysely, sql } from 'kysely';
import {
  append,
  draft,
  h,
  opening,
  quarantined,
  transitioned,
  wholeWay,
} from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { unpackEntry } from '../storage/packed-entry.ts';
import { withSnapshot } from '../storage/snapshot.ts';
import { createSqlite } from '../storage/sqlite/open-sqlite.ts';
import type { Storage } from '../storage/storage.ts';
import type { Tables } from '../storage/tables.ts';
import { Checkpoints } from './checkpoints.ts';
import { logEntries } from './log-entries.ts';
import { replay } from './replay.ts';
import { hashTile, proveConsistency, proveInclusion } from './tiles.ts';
import { verifyLog } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-audit-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
const key = verifierKey('log.example.com/dev', raw);
const sign = (message: Uint8Array) => new Uint8Array(nodeSign(null, message, privateKey));

async function openLog() {
  const storage = await createSqlite(join(folder, String(files++), 'authority.db'), 'dev');
  const { ledger } = testLedger(storage);
  return { storage, ledger, checkpoints: new Checkpoints(ledger, key, sign) };
}

/** Two good units, one that was set aside, and 300 operators so that tiles fill. */
async function aFactory() {
  const log = await openLog();
  const ids = ['SN-00000001', 'SN-00000002', 'SN-00000003'];
  await append(log.ledger, ...opening(ids));
  for (const id of ids.slice(0, 2)) for (const entries of wholeWay(id)) await append(log.ledger, ...entries);
  await append(log.ledger, ...wholeWay(ids[2]!)[0]!, ...quarantined(ids[2]!));
  const people = Array.from({ length: 300 }, (_, at) =>
    draft('operator.registered', { operator_id: `op-x${at}` }),
  );
  await append(log.ledger, ...people);
  return log;
}

const problems = async (storage: Storage, texts: string[] = []) => {
  const report = await verifyLog(storage.reader, { realm: 'dev', earlier: { texts, key } });
  assert.equal(report.ok, report.findings.length === 0);
  return report.findings.map(({ table, row, column }) => [table, row, column].filter(Boolean).join(' '));
};

test('a whole log verifies, against each of its earlier checkpoints too', async () => {
  const { storage, ledger, checkpoints } = await aFactory();
  const first = await checkpoints.latest();
  await append(ledger, draft('operator.registered', { operator_id: 'later' }));
  assert.deepEqual(await problems(storage, [first.text, (await checkpoints.latest()).text]), []);
  assert.deepEqual((await replay(storage.reader, 'dev')).findings, []);
  await storage.close();
});

test('a log verifies in one snapshot while another process appends to it', async () => {
  const file = join(folder, 'growing', 'authority.db');
  const storage = await createSqlite(file, 'dev');
  const script = new URL('../ledger/submit-loop.test-kit.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, file, 'grow'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const sizes: number[] = [];
  try {
    while (sizes.length < 4) {
      await once(child.stdout, 'data');
      const report = await withSnapshot(storage, (reader) => verifyLog(reader, { realm: 'dev' }));
      assert.deepEqual(report.findings, []);
      sizes.push(report.size);
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
    await storage.close();
  }
  assert.ok(sizes.at(-1)! > sizes[0]!);
});

/** Rewrites, as someone with the database file could, and the first row that verification must name. */
const tamperings: Record<string, { change: (db: Kysely<Tables>) => Promise<unknown>; found: string[] }> = {
  'a byte of an entry': {
    change: async (db) => {
      const { packed } = await db
        .selectFrom('log_entry')
        .select('packed')
        .where('log_index', '=', 4)
        .executeTakeFirstOrThrow();
      const flipped = Uint8Array.from(packed);
      flipped[flipped.length >> 1]! ^= 1;
      await db.updateTable('log_entry').set({ packed: flipped }).where('log_index', '=', 4).execute();
    },
    found: ['log_entry log_index=4'],
  },
  'an entry and its leaf hash': {
    change: async (db) => {
      const { packed } = await db
        .selectFrom('log_entry')
        .select('packed')
        .where('log_index', '=', 3)
        .executeTakeFirstOrThrow();
      const other = Buffer.from(Buffer.from(unpackEntry(packed)).toString().replace('op-1', 'op-7'));
      const change = { packed: other, leaf_hash: leafHash(other) };
      await db.updateTable('log_entry').set(change).where('log_index', '=', 3).execute();
    },
    found: [
      'log_tile level=0 tile_index=0',
      'log_tile level=1 tile_index=0',
      'log_head id=1 root',
      'log_head id=1 frontier',
      'operator operator_id=op-1',
      'operator operator_id=op-7',
    ],
  },
  'a byte of a full tile': {
    change: (db) => flipTile(db, 0, 0),
    found: ['log_tile level=0 tile_index=0'],
  },
  'a byte of a growing tile': {
    change: (db) => flipTile(db, 0, 1),
    found: ['log_tile level=0 tile_index=1'],
  },
  'a tile that is gone': {
    change: (db) => db.deleteFrom('log_tile').where('level', '=', 1).execute(),
    found: ['log_tile level=1 tile_index=0'],
  },
  'a tile too many': {
    change: (db) =>
      db
        .insertInto('log_tile')
        .values({ level: 2, tile_index: 0, hashes: new Uint8Array(32) })
        .execute(),
    found: ['log_tile level=2 tile_index=0'],
  },
  'the last entry taken away': {
    change: (db) =>
      db
        .deleteFrom('log_entry')
        .where('log_index', '=', (row) => row.selectFrom('log_head').select(sql<number>`size - 1`.as('last')))
        .execute(),
    found: [
      'log_tile level=0 tile_index=1',
      'log_head id=1 size',
      'log_head id=1 root',
      'log_head id=1 frontier',
      'operator operator_id=op-x299',
    ],
  },
  'an entry taken from the middle': {
    change: (db) => db.deleteFrom('log_entry').where('log_index', '=', 40).execute(),
    found: ['log_entry log_index=40', 'log_tile level=0 tile_index=0'],
  },
  'the head': {
    change: (db) =>
      db
        .updateTable('log_head')
        .set({ root: new Uint8Array(32) })
        .execute(),
    found: ['log_head id=1 root'],
  },
  "a device's state": {
    change: (db) =>
      db.updateTable('device').set({ state: 'shipped' }).where('device_id', '=', 'SN-00000002').execute(),
    found: ['device device_id=SN-00000002 state'],
  },
  "an order's quota": {
    change: (db) => db.updateTable('production_order').set({ quantity: 9000, issued: 0 }).execute(),
    found: ['production_order order_id=o-1 quantity', 'production_order order_id=o-1 issued'],
  },
  'a certificate': {
    change: (db) =>
      db
        .updateTable('credential')
        .set({ certificate: Buffer.from('another') })
        .where('device_id', '=', 'SN-00000001')
        .execute(),
    found: [`credential credential_id=c-${h('SN-00000001').slice(0, 32)} certificate`],
  },
  'a line of a history': {
    change: (db) =>
      db
        .deleteFrom('device_history')
        .where('device_id', '=', 'SN-00000003')
        .where('field', '=', 'unit')
        .execute(),
    found: ['device_history device_id=SN-00000003 log_index=27 field=unit'],
  },
  'a key that is let go': {
    change: (db) =>
      db.deleteFrom('public_key').where('public_key_sha256', '=', h('key SN-00000001')).execute(),
    found: [`public_key public_key_sha256=${h('key SN-00000001')}`],
  },
  'an operator that nobody registered': {
    change: (db) => db.insertInto('operator').values({ operator_id: 'op-z', registered_at: 'x' }).execute(),
    found: ['operator operator_id=op-z'],
  },
};

async function flipTile(db: Kysely<Tables>, level: number, tileIndex: number): Promise<void> {
  const { hashes } = await db
    .selectFrom('log_tile')
    .select('hashes')
    .where('level', '=', level)
    .where('tile_index', '=', tileIndex)
    .executeTakeFirstOrThrow();
  const flipped = Uint8Array.from(hashes);
  flipped[5]! ^= 1;
  await db
    .updateTable('log_tile')
    .set({ hashes: flipped })
    .where('level', '=', level)
    .where('tile_index', '=', tileIndex)
    .execute();
}

for (const [what, { change, found }] of Object.entries(tamperings)) {
  test(`I-16: verification names the row when someone rewrites ${what}`, async () => {
    const { storage } = await aFactory();
    await change(storage.writer);
    const named = await problems(storage);
    for (const row of found) assert.ok(named.includes(row), `${row} is not among ${named.join('; ')}`);
    assert.equal(named[0], found[0]);
    await storage.close();
  });
}

test('I-16: a log rewritten consistently, or restored from an old backup, is found by an earlier checkpoint', async () => {
  const one = await aFactory();
  const signed = await one.checkpoints.latest();
  const shorter = await openLog();
  await append(shorter.ledger, ...opening(['SN-00000001']));
  assert.deepEqual(await problems(shorter.storage), []);
  assert.deepEqual(await problems(shorter.storage, [signed.text]), ['log_head']);
  const rewritten = await openLog();
  const people = Array.from({ length: signed.size }, (_, at) =>
    draft('operator.registered', { operator_id: `op-y${at}` }),
  );
  await append(rewritten.ledger, ...people);
  assert.deepEqual(await problems(rewritten.storage, [signed.text]), ['log_head']);
  await assert.rejects(problems(one.storage, [signed.text.replace('\n\n', '\n \n')]), {
    code: 'checkpoint_invalid',
  });
  for (const log of [one, shorter, rewritten]) await log.storage.close();
});

test('a replay names the entry that cannot follow on those before it', async () => {
  const { storage, ledger } = await openLog();
  await append(ledger, ...opening(['SN-00000001']));
  const entry = { ...transitioned('SN-00000001', 'allocated', 'shipped') };
  const bytes = Buffer.from(
    JSON.stringify({
      actor: entry.actor,
      at: '2026-01-09T08:00:00.000Z',
      data: { device_id: 'SN-00000001', from: 'allocated', reason: 'x', to: 'shipped' },
      realm: 'dev',
      salt: '0'.repeat(32),
      type: entry.type,
      v: 1,
    }).replace('{"kind":"station","id":"st-1"}', '{"id":"st-1","kind":"station"}'),
  );
  await storage.writer
    .insertInto('log_entry')
    .values({ log_index: 6, packed: bytes, leaf_hash: leafHash(bytes) })
    .execute();
  const report = await replay(storage.reader, 'dev');
  assert.equal(report.findings[0]!.row, 'log_index=6');
  assert.match(report.findings[0]!.what, /cannot become shipped/);
  await storage.close();
});

test('I-16: every two checkpoints are consistent, and one is signed once a head', async () => {
  const { storage, ledger, checkpoints } = await openLog();
  const seen = [];
  for (let at = 0; at < 40; at++) {
    await append(
      ledger,
      ...Array.from({ length: (at % 7) + 1 }, (_, n) =>
        draft('operator.registered', { operator_id: `op-${at}-${n}` }),
      ),
    );
    const [a, b] = await Promise.all([checkpoints.latest(), checkpoints.latest()]);
    assert.equal(a.text, b.text);
    const checkpoint = verifyCheckpoint(a.text, key);
    assert.equal(checkpoint.size, (await ledger.head()).size);
    seen.push(checkpoint);
  }
  for (const old of seen) {
    for (const now of seen.filter((one) => one.size >= old.size)) {
      const proof = await proveConsistency(storage.reader, old.size, now.size);
      assert.ok(verifyConsistency(old.size, now.size, old.root, now.root, proof));
    }
  }
  const last = seen.at(-1)!;
  for await (const { log_index, bytes } of logEntries(storage.reader)) {
    const proof = await proveInclusion(storage.reader, log_index, last.size);
    assert.ok(verifyInclusion(log_index, last.size, leafHash(bytes), proof, last.root));
  }
  await storage.close();
});

test('I-16: no checkpoint is signed of a head that does not continue the last one, shorter, equal or longer', async () => {
  for (const size of [5, 12, 20]) {
    const one = await openLog();
    const many = (who: string, length: number) =>
      Array.from({ length }, (_, at) => draft('operator.registered', { operator_id: `${who}-${at}` }));
    await append(one.ledger, ...many('a', 12));
    await one.checkpoints.latest();
    const other = await openLog();
    await append(other.ledger, ...many('b', size));
    const head = await other.storage.reader.selectFrom('log_head').selectAll().executeTakeFirstOrThrow();
    await one.storage.writer.updateTable('log_head').set(head).execute();
    const tile = await other.storage.reader.selectFrom('log_tile').select('hashes').executeTakeFirstOrThrow();
    await one.storage.writer.updateTable('log_tile').set(tile).execute();
    await assert.rejects(one.checkpoints.latest(), { code: 'log_inconsistent' });
    await one.storage.close();
    await other.storage.close();
  }
});

test('hash tiles are given whole or as the prefix that a path names, and entry bundles never', async () => {
  const { storage, ledger } = await aFactory();
  const { size } = await ledger.head();
  const full = await hashTile(storage.reader, tilePath(0, 0));
  assert.equal(full!.length, 8192);
  const partial = await hashTile(storage.reader, tilePath(0, 1, size - 256));
  assert.equal(partial!.length, (size - 256) * 32);
  assert.deepEqual(await hashTile(storage.reader, tilePath(0, 1, 7)), partial!.subarray(0, 7 * 32));
  assert.deepEqual(await hashTile(storage.reader, tilePath(0, 0, 9)), full!.subarray(0, 9 * 32));
  assert.equal(await hashTile(storage.reader, tilePath(0, 1, size - 255)), undefined);
  assert.equal(await hashTile(storage.reader, tilePath(0, 7)), undefined);
  await assert.rejects(hashTile(storage.reader, 'tile/entries/000'), { code: 'not_authorized' });
  await assert.rejects(hashTile(storage.reader, 'tile/0/../000'), { code: 'bad_request' });
  await storage.close();
});
