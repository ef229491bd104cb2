import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isImprintError } from '@imprint/contract/errors';
import Database from 'better-sqlite3';
import { append, opening, quarantined, wholeWay } from '../ledger/history.test-kit.ts';
import { testLedger } from '../ledger/ledger.suite.ts';
import { primaryKeys } from '../storage/schema.ts';
import { createSqlite, openSqlite } from '../storage/sqlite/open-sqlite.ts';
import { verifyLog } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-damaged-'));
after(() => rmSync(folder, { recursive: true }));
const flips = 150;

/** Every row of every table, as text. */
function contentOf(file: string): string {
  const database = new Database(file, { readonly: true });
  try {
    const tables = ['imprint_schema', ...Object.keys(primaryKeys)];
    return JSON.stringify(tables.map((name) => [name, database.prepare(`select * from "${name}"`).all()]));
  } finally {
    database.close();
  }
}

test('I-16: a bit that is flipped anywhere in the file is found, or changes nothing that can be read', async () => {
  const sound = join(folder, 'sound', 'authority.db');
  const storage = await createSqlite(sound, 'dev');
  const { ledger } = testLedger(storage);
  await append(ledger, ...opening(['SN-00000001', 'SN-00000002']));
  for (const entries of wholeWay('SN-00000001')) await append(ledger, ...entries);
  await append(ledger, ...wholeWay('SN-00000002')[0]!, ...quarantined('SN-00000002'));
  await ledger.close();
  await storage.close();
  const bytes = readFileSync(sound);
  const content = contentOf(sound);
  // most of a small database is room for more
  const used = [...bytes.keys()].filter((at) => bytes[at] !== 0);
  const outcomes = { refused: 0, damage: 0, finding: 0, unchanged: 0 };
  for (let flip = 0; flip < flips; flip++) {
    const damaged = Buffer.from(bytes);
    // a prime step spreads them over all pages
    const at = used[(flip * 104_729 + 24) % used.length]!;
    damaged[at]! ^= 1 << (flip % 8);
    const file = join(folder, `flip-${flip}`, 'authority.db');
    mkdirSync(join(folder, `flip-${flip}`), { mode: 0o700 });
    writeFileSync(file, damaged, { mode: 0o600 });
    outcomes[await outcomeOf(file, content, `bit ${flip % 8} of byte ${at}`)]++;
    rmSync(join(folder, `flip-${flip}`), { recursive: true });
  }
  // otherwise the flips met nothing
  assert.ok(outcomes.damage + outcomes.finding > flips / 3, JSON.stringify(outcomes));
});

async function outcomeOf(
  file: string,
  content: string,
  where: string,
): Promise<'refused' | 'damage' | 'finding' | 'unchanged'> {
  try {
    const storage = await openSqlite(file, 'dev');
    try {
      if ((await storage.damage()) !== null) return 'damage';
      const { findings } = await verifyLog(storage.reader, { realm: 'dev' });
      if (findings.length > 0) return 'finding';
    } finally {
      await storage.close();
    }
  } catch (error) {
    assert.ok(
      isImprintError(error, 'storage_failed', 'realm_mismatch'),
      `${where}: ${(error as Error).stack}`,
    );
    return 'refused';
  }
  assert.equal(contentOf(file), content, `${where} changed what is read, and nothing was found`);
  return 'unchanged';
}
