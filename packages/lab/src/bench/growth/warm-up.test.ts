import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readIntoMemory } from './warm-up.ts';

const folder = mkdtempSync(join(tmpdir(), 'imprint-warm-up-'));
after(() => rmSync(folder, { recursive: true }));

test('what memory holds is read, and of what it does not hold nothing', () => {
  writeFileSync(join(folder, 'small'), Buffer.alloc(10_000));
  assert.equal(readIntoMemory(folder), true);
  writeFileSync(join(folder, 'large'), '');
  // a file of holes: it takes no room, and reading it would take minutes
  truncateSync(join(folder, 'large'), totalmem());
  assert.equal(readIntoMemory(folder), false);
});
