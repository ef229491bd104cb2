/** The archive of entries: it grows after the log, is cut to whole lines, and takes no entry of another log. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { exportEntries } from '@imprint/authority/audit/export';
import { Child } from '../demo/child.ts';
import { EntriesArchive } from './entries-archive.ts';
import { at, grow, makeHome, place, sizeOf } from './homes.test-kit.ts';

const under = place(after);
const home = await makeHome(under('home'));
const file = under('entries.jsonl');
const begun = await sizeOf(home);

const exported = () =>
  at(home, async ({ ledger }) => {
    let text = '';
    for await (const line of exportEntries(ledger.reader)) text += line;
    return text;
  });
const catchUp = (path: string, of = home) =>
  at(of, async ({ storage }) => {
    const archive = await EntriesArchive.open(path, storage.reader);
    try {
      return await archive.catchUp(storage.reader);
    } finally {
      archive.close();
    }
  });

test('it holds what the export holds, whatever it is caught up from', async () => {
  assert.equal(await catchUp(file), begun);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await at(home, (authority) => grow(authority, 1200));
  assert.equal(await catchUp(file), 1200);
  assert.equal(await catchUp(file), 0);
  assert.equal(readFileSync(file, 'utf8'), await exported());
});

test('a last line that was cut off is written anew', async () => {
  const whole = readFileSync(file, 'utf8');
  for (const length of [whole.length - 1, whole.length - 100, 40, 0]) {
    writeFileSync(under('cut'), whole.slice(0, length));
    await catchUp(under('cut'));
    assert.equal(readFileSync(under('cut'), 'utf8'), whole);
  }
});

test('I-16: the archive of another log, or one that is ahead of this one, is not appended to', async () => {
  const other = await makeHome(under('other'));
  await assert.rejects(catchUp(file, other), { code: 'file_invalid' });
  writeFileSync(under('letter'), 'dear\n');
  await assert.rejects(catchUp(under('letter')), { code: 'file_invalid' });
  appendFileSync(under('letter'), 'x');
  const [first] = readFileSync(file, 'utf8').split('\n');
  writeFileSync(under('changed'), `${first!.replace(/"salt":"../, '"salt":"ff')}\n`);
  await assert.rejects(catchUp(under('changed')), { code: 'file_invalid' });
  assert.equal(readFileSync(under('letter'), 'utf8'), 'dear\nx');
});

test('with --follow it adds what the log gets, until it is stopped', async () => {
  const child = new Child('entries', [
    'backup',
    'entries',
    '--home',
    home,
    '--to',
    under('followed'),
    '--follow',
    '--json',
  ]);
  const told = await child.next(({ size }) => size === begun + 1200);
  assert.equal(told.added, begun + 1200);
  const next = child.next(({ size }) => size === begun + 1203);
  await at(home, (authority) => grow(authority, 3));
  await next;
  await child.stop();
  assert.equal(readFileSync(under('followed'), 'utf8'), await exported());
});
