import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { verifyCosignature } from '@imprint/contract/audit/cosignature';
import { isImprintError } from '@imprint/contract/errors';
import { TestLog, testLogKey } from './log.test-kit.ts';
import type { ReadLog } from './log-source.ts';
import { lookAt } from './look.ts';
import { Witness } from './witness.ts';
import { openWitnessHome } from './witness-home.ts';

function newWitness(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-witness-'));
  const home = openWitnessHome(folder, 'witness.example/w1');
  t.after(() => {
    home.close();
    rmSync(folder, { recursive: true });
  });
  return { folder, home, witness: new Witness(home, testLogKey, () => 1_767_945_600) };
}

const seed = 20_261;
/** mulberry32 */
function randomFrom(state: number): (below: number) => number {
  let at = state;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const largest = 70_000;
const whole = new TestLog(largest);

test(`I-16: as the log grows, every look is cosigned, across tiles and levels (seed ${seed})`, async (t) => {
  const { home, witness } = newWitness(t);
  const random = randomFrom(seed);
  const sizes = [1, 255, 256, 257, 65_535, 65_536, 65_537, largest, largest];
  for (let more = 0; more < 20; more++) sizes.push(1 + random(largest));
  for (const size of sizes.sort((a, b) => a - b)) {
    const from = witness.agreed?.size;
    assert.deepEqual(await lookAt(whole.read(size), witness), { from, checkpoint: witness.agreed });
    const cosigned = parseCheckpoint(readFileSync(home.cosignedFile, 'utf8'));
    assert.equal(cosigned.size, size);
    assert.equal(verifyCosignature(cosigned, home.key), 1_767_945_600);
  }
});

test(`I-16: a fork below what was seen is refused as one, whatever the sizes; both notes are kept (seed ${seed})`, async (t) => {
  const random = randomFrom(seed + 1);
  for (let round = 0; round < 12; round++) {
    const { folder, home, witness } = newWitness(t);
    const seen = 1 + random(1_500);
    const fork = new TestLog(seen + random(3) * random(800), random(seen));
    await lookAt(whole.read(seen), witness);
    const cosigned = readFileSync(home.cosignedFile, 'utf8');
    await assert.rejects(
      lookAt(fork.read(), witness),
      (error) => isImprintError(error, 'log_inconsistent') && error.message.startsWith('forked: '),
    );
    assert.equal(readFileSync(home.cosignedFile, 'utf8'), cosigned);
    const kept = readdirSync(join(folder, 'evidence')).map((file) =>
      readFileSync(join(folder, 'evidence', file), 'utf8'),
    );
    assert.deepEqual(kept.sort(), [await fork.note(), await whole.note(seen)].sort());
  }
});

test('I-16: a log that is shorter than what was seen was put back', async (t) => {
  const { witness } = newWitness(t);
  await lookAt(whole.read(300), witness);
  await assert.rejects(lookAt(whole.read(299), witness), /put back: the log has size 299.*seen size 300/);
  assert.equal(witness.agreed?.size, 300);
});

test('a flipped bit in a tile is no fork: the tiles do not lead to the signed root, and nothing is cosigned', async (t) => {
  const { witness } = newWitness(t);
  await lookAt(whole.read(300), witness);
  const flipped: ReadLog = async (path, maxBytes) => {
    const bytes = await whole.read(600)(path, maxBytes);
    if (path.startsWith('tile/')) bytes[0]! ^= 1;
    return bytes;
  };
  await assert.rejects(lookAt(flipped, witness), /tiles do not lead to the root/);
  assert.equal(witness.agreed?.size, 300);
});

test('a note under another key is refused, and a log that does not answer is no refusal', async (t) => {
  const { folder, witness } = newWitness(t);
  const other = Buffer.from((await whole.note(5)).replace('5\n', '6\n'));
  await assert.rejects(
    lookAt(async () => other, witness),
    /wrong key, or no note of this log/,
  );
  assert.equal(readdirSync(join(folder, 'evidence')).length, 1);
  const silent = new TestLog(3).read(2);
  await lookAt(whole.read(1), witness);
  const halfway: ReadLog = (path, maxBytes) =>
    path === 'checkpoint' ? whole.read(3)(path, maxBytes) : silent(path, maxBytes);
  await assert.rejects(lookAt(halfway, witness), { code: 'unavailable' });
  assert.equal(readdirSync(join(folder, 'evidence')).length, 1);
});

test('a newer note that is brought while the log is being asked does not make the log look put back', async (t) => {
  const { witness } = newWitness(t);
  await lookAt(whole.read(5), witness);
  const overtaken: ReadLog = async (path, maxBytes) => {
    const bytes = await whole.read(7)(path, maxBytes);
    if (path === 'checkpoint') await witness.submit(5, await whole.note(9), whole.proof(5, 9));
    return bytes;
  };
  await assert.rejects(lookAt(overtaken, witness), { code: 'unavailable' });
  assert.equal(witness.agreed?.size, 9);
});
