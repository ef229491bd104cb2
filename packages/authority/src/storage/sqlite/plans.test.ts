import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { openLine, TestUnit } from '../../jobs/line.test-kit.ts';
import { Walk } from '../../jobs/walk.test-kit.ts';
import { createSqlite } from './open-sqlite.ts';

/** Of one row, or of as many as there are orders at work or samples. */
const small = /SCAN (log_head|clock_halt|production_order|realm|imprint_schema|sample)\b/;

test('no statement on a unit’s way reads a table that grows with the units from end to end', async () => {
  const statements = new Set<string>();
  const { prepare } = Database.prototype;
  Database.prototype.prepare = function (this: Database.Database, source: string) {
    statements.add(source);
    return prepare.call(this, source);
  } as typeof prepare;
  try {
    const line = await openLine(['GW-TA26000001K']);
    const walk = await Walk.open(line, new TestUnit('u1'), 'GW-TA26000001K');
    await walk.issue();
    await walk.write();
    await walk.prove();
    await walk.seal();
    await walk.complete();
    await line.close();
  } finally {
    Database.prototype.prepare = prepare;
  }
  const folder = mkdtempSync(join(tmpdir(), 'imprint-plans-'));
  const storage = await createSqlite(join(folder, 'plans', 'a.db'), 'dev');
  const database = new Database(join(folder, 'plans', 'a.db'));
  let judged = 0;
  try {
    for (const source of statements) {
      if (!/^(select|update|delete)\b/.test(source)) continue;
      judged++;
      const values = (source.match(/\?/g) ?? []).map(() => 'x');
      const plan = database.prepare(`explain query plan ${source}`).all(...values) as { detail: string }[];
      for (const { detail } of plan) {
        // a state alone is no key: half of all units are in it; nor is an order, which may have a million
        const isLong =
          (/^SCAN /.test(detail) && !small.test(detail)) ||
          /\((status|state)=\?\)|INDEX job_order /.test(detail);
        assert.ok(!isLong, `${detail}: ${source}`);
      }
    }
  } finally {
    database.close();
    await storage.close();
    rmSync(folder, { recursive: true });
  }
  assert.ok(judged > 30, `${judged} statements were judged`);
});
