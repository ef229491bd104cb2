import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatVerifierKey, parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { TestLog, testLogKey } from './log.test-kit.ts';
import { Witness } from './witness.ts';
import { openWitnessHome } from './witness-home.ts';

const kit = fileURLToPath(new URL('killed.test-kit.ts', import.meta.url));
const now = () => 1_767_945_600;
const one = new TestLog(40);
const other = new TestLog(40, 3);

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-witness-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const textsIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(folder, name), 'latin1'));

/** Whether anything in the folder is a cosignature of a witness over a note of this body. */
const isCosigned = (folder: string, body: string) =>
  textsIn(folder).some((text) => text.startsWith(body) && text.includes('witness.example/w1'));

for (const step of ['before it agrees', 'agreed', 'signed', 'before it answers']) {
  test(`I-16: killed (${step}), a witness cosigns no two notes that contradict each other`, async (t) => {
    const folder = newFolder(t);
    const note = join(folder, 'note.txt');
    writeFileSync(note, await one.note());
    const killed = spawnSync(process.execPath, [kit, folder, formatVerifierKey(testLogKey), note, step], {
      encoding: 'utf8',
    });
    assert.equal(killed.signal, 'SIGKILL', killed.stderr);
    assert.equal(killed.stdout, '');
    rmSync(note);

    const home = openWitnessHome(folder, undefined);
    t.after(() => home.close());
    const witness = new Witness(home, testLogKey, now);
    const [mine, contrary] = [parseCheckpoint(await one.note()), parseCheckpoint(await other.note())];
    if (step === 'before it agrees') {
      assert.ok(!isCosigned(folder, mine.body));
      assert.ok('cosignature' in (await witness.submit(0, await other.note(), [])));
      assert.deepEqual(await witness.submit(40, await one.note(), []), { refused: 'forked' });
      assert.ok(!isCosigned(folder, mine.body));
    } else {
      assert.deepEqual(await witness.submit(0, await other.note(), []), { refused: 'forked' });
      assert.ok(!isCosigned(folder, contrary.body));
      assert.ok('cosignature' in (await witness.submit(40, await one.note(), [])));
      assert.ok(isCosigned(folder, mine.body));
    }
  });
}

test('I-16: of two contrary notes that come at once, one is cosigned', async (t) => {
  const folder = newFolder(t);
  const home = openWitnessHome(folder, 'witness.example/w1');
  t.after(() => home.close());
  const witness = new Witness(home, testLogKey, now);
  const answers = await Promise.all([
    witness.submit(0, await one.note(20), []),
    witness.submit(0, await other.note(), []),
    witness.submit(0, await one.note(), []),
    witness.submit(20, await one.note(), one.proof(20, 40)),
  ]);
  assert.deepEqual(
    answers.map((answer) => ('refused' in answer ? answer.refused : 'cosigned')),
    ['cosigned', 'moved', 'moved', 'cosigned'],
  );
  assert.equal(parseCheckpoint(readFileSync(home.cosignedFile, 'utf8')).size, 40);
});

test('a proof that is wrong, short, long or from another size cosigns nothing', async (t) => {
  const home = openWitnessHome(newFolder(t), 'witness.example/w1');
  t.after(() => home.close());
  const witness = new Witness(home, testLogKey, now);
  await witness.submit(0, await one.note(20), []);
  const proof = one.proof(20, 40);
  const note = await one.note();
  const unproven = { refused: 'unproven' };
  assert.deepEqual(await witness.submit(20, note, proof.slice(1)), unproven);
  assert.deepEqual(await witness.submit(20, note, [...proof, proof[0]!]), unproven);
  assert.deepEqual(await witness.submit(20, await other.note(), other.proof(20, 40)), unproven);
  assert.deepEqual(await witness.submit(19, note, one.proof(19, 40)), { refused: 'moved' });
  assert.deepEqual(await witness.submit(20, await one.note(19), []), { refused: 'shorter' });
  assert.equal(witness.agreed?.size, 20);
});

test('what others signed, and a line under its own name, do not get into the cosigned note', async (t) => {
  const home = openWitnessHome(newFolder(t), 'witness.example/w1');
  t.after(() => home.close());
  const witness = new Witness(home, testLogKey, now);
  const bare = await one.note();
  const first = await witness.submit(0, bare, []);
  assert.ok('cosignature' in first);
  await witness.submit(40, bare + first.cosignature, []);
  assert.equal(readFileSync(home.cosignedFile, 'utf8'), bare + first.cosignature);
});

test('a folder belongs to one process, one name and one log, and its key to its owner', async (t) => {
  const folder = newFolder(t);
  const home = openWitnessHome(folder, 'witness.example/w1');
  assert.throws(() => openWitnessHome(folder, undefined), { code: 'storage_failed' });
  await new Witness(home, testLogKey, now).submit(0, await one.note(), []);
  home.close();
  for (const name of ['witness.key', 'agreed', 'checkpoint']) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  assert.throws(() => openWitnessHome(folder, 'witness.example/w2'), { code: 'usage' });
  chmodSync(join(folder, 'witness.key'), 0o640);
  assert.throws(() => openWitnessHome(folder, undefined), { code: 'file_invalid' });
  chmodSync(join(folder, 'witness.key'), 0o600);
  const again = openWitnessHome(folder, 'witness.example/w1');
  const stranger = { ...testLogKey, name: 'log.example/other' };
  assert.throws(() => new Witness(again, stranger, now), { code: 'file_invalid' });
  again.close();
  rmSync(join(folder, 'agreed'));
  assert.throws(() => openWitnessHome(folder, undefined), /what it agreed to is gone/);
});
