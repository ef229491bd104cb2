/** The mark beside the keys: it lags and never leads, is not moved back, and is believed only under the log's key. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { at, grow, makeHome, place, signed, sizeOf } from './backup/homes.test-kit.ts';
import { LogMark, logMarkFile, readLogMark } from './log-mark.ts';

const under = place(after);
const home = await makeHome(under('home'));
const begun = await sizeOf(home);
const keys = join(home, 'keys');
const file = join(keys, logMarkFile);
/** Beyond what `init` writes. */
const sizeIn = (path: string) => parseCheckpoint(readFileSync(path, 'utf8')).size - begun + 1;
/** Checkpoints of growing logs. */
const texts: string[] = [];
await at(home, async (authority) => {
  for (let count = 0; count < 4; count++) {
    texts.push(await signed(authority));
    await grow(authority, 1);
  }
});
let marks = 0;
function mark() {
  const folder = under(`keys-${marks++}`);
  mkdirSync(folder);
  const faults: unknown[] = [];
  let nowMs = 0;
  const one = new LogMark(
    folder,
    () => nowMs,
    (error) => faults.push(error),
  );
  return { one, faults, path: join(folder, logMarkFile), pass: (ms: number) => (nowMs += ms) };
}

test('I-16: it is written with the first checkpoint, once a minute after that, and at the end', () => {
  const { one, path, pass } = mark();
  one.signed(texts[0]!);
  assert.equal(sizeIn(path), 1);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  pass(59_000);
  one.signed(texts[1]!);
  assert.equal(sizeIn(path), 1);
  pass(2_000);
  one.signed(texts[2]!);
  assert.equal(sizeIn(path), 3);
  one.signed(texts[3]!);
  assert.equal(sizeIn(path), 3);
  one.flush();
  assert.equal(sizeIn(path), 4);
});

test('I-16: one that is later, by another process, stays', () => {
  const { one, path } = mark();
  writeFileSync(path, texts[3]!);
  one.signed(texts[1]!);
  assert.equal(sizeIn(path), 4);
});

test('where the folder takes no file, that is told and nobody is held up', () => {
  const { one, faults, path } = mark();
  rmSync(join(path, '..'), { recursive: true });
  one.signed(texts[0]!);
  assert.equal(faults.length, 1);
});

test('I-16: an authority writes it when it closes, and one that is not this log’s stops all writing', async () => {
  assert.equal(sizeIn(file), 4);
  await at(home, async (authority) => {
    assert.equal(readLogMark(keys, authority.logKey)!.size, begun + 3);
    await grow(authority, 3);
    await signed(authority);
  });
  assert.equal(sizeIn(file), 8);
  const whole = readFileSync(file, 'utf8');
  const other = await makeHome(under('other'));
  const foreign = await at(other, signed);
  for (const text of ['', 'x', whole.replace(`\n${begun + 7}\n`, `\n${begun + 8}\n`), foreign]) {
    writeFileSync(file, text);
    await at(home, async (authority) => {
      assert.equal(authority.refusal?.code, 'file_invalid', text);
      await assert.rejects(grow(authority, 1), { code: 'file_invalid' });
    });
  }
  rmSync(file);
  await at(home, (authority) => grow(authority, 1));
  assert.ok(!existsSync(file));
});
