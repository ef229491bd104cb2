import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { joinShares, makeShares, readShareCounts } from './shares.ts';

describe('shares of a root’s passphrase', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-shares-'));
  after(() => rmSync(folder, { recursive: true }));
  const files = (name: string, count: number) =>
    Array.from({ length: count }, (_, at) => join(folder, `${name}-${at + 1}`));
  const make = (name: string, needed: number, all: number) =>
    makeShares({ needed, all }, files(name, all), (length) => new Uint8Array(randomBytes(length)));

  test('any so many as are needed make the passphrase, in any order, and fewer do not', async () => {
    const passphrase = await make('a', 3, 5);
    const all = files('a', 5);
    for (const who of [
      [0, 1, 2],
      [4, 2, 0],
      [1, 3, 4],
      [0, 1, 2, 3, 4],
    ]) {
      assert.deepEqual(await joinShares(who.map((at) => all[at]!)), passphrase);
    }
    for (const who of [[0], [0, 4], [1, 1, 1]]) {
      await assert.rejects(joinShares(who.map((at) => all[at]!)), {
        code: 'passphrase_wrong',
        message: /3 shares/,
      });
    }
    await assert.rejects(joinShares([]), { code: 'usage' });
  });

  test('I-19: a share is its owner’s alone, and holds nothing of the passphrase', async () => {
    const passphrase = Buffer.from(await make('b', 2, 3)).toString();
    for (const file of files('b', 3)) {
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.ok(!readFileSync(file, 'utf8').includes(passphrase.slice(0, 12)));
    }
  });

  test('shares of two roots, one that was changed and what is no share are told apart', async () => {
    await make('c', 2, 2);
    await make('d', 2, 2);
    const [c1, c2] = files('c', 2) as [string, string];
    const [d1] = files('d', 2) as [string];
    await assert.rejects(joinShares([c1, d1]), { code: 'ceremony_invalid', message: /two roots/ });
    const text = readFileSync(c2, 'utf8');
    const at = text.lastIndexOf(' ') + 5;
    writeFileSync(c2, text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1));
    await assert.rejects(joinShares([c1, c2]), { code: 'ceremony_invalid', message: /changed/ });
    for (const wrong of ['', 'a passphrase\n', text.replace('v1', 'v2'), `${text}${text}`]) {
      writeFileSync(c2, wrong);
      await assert.rejects(joinShares([c1, c2]), { code: 'ceremony_invalid', message: /no share/ });
    }
  });

  test('nothing is written over, and each share has a place of its own', async () => {
    await make('e', 2, 3);
    const before = readFileSync(files('e', 1)[0]!, 'utf8');
    await assert.rejects(make('e', 2, 3), { code: 'home_exists' });
    assert.equal(readFileSync(files('e', 1)[0]!, 'utf8'), before);
    const [one] = files('f', 1);
    await assert.rejects(makeShares({ needed: 2, all: 2 }, [one!, `${folder}/./f-1`], randomBytes), {
      code: 'usage',
    });
    for (const wrong of ['1/3', '3/2', '2', '2/17', 'x', '02/3x']) {
      assert.throws(() => readShareCounts(wrong), { code: 'usage' });
    }
    assert.deepEqual(readShareCounts('2/3'), { needed: 2, all: 3 });
  });
});
