import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseCheckpoint } from '@imprint/contract/audit/checkpoint';
import { verifyCosignature } from '@imprint/contract/audit/cosignature';
import { toBase64 } from '@imprint/contract/bytes';
import { addCheckpointBytes } from './add-checkpoint.ts';
import { createWitnessListener } from './listen.ts';
import { TestLog, testLogKey } from './log.test-kit.ts';
import { Witness } from './witness.ts';
import { openWitnessHome } from './witness-home.ts';

const log = new TestLog(40);
const fork = new TestLog(40, 3);

async function listening(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-witness-'));
  const home = openWitnessHome(folder, 'witness.example/w1');
  const witness = new Witness(home, testLogKey, () => 1_767_945_600);
  const forked: string[] = [];
  const listener = createWitnessListener({
    witness,
    hosts: [],
    onForked: (note) => forked.push(note),
    report: (error) => assert.fail(String(error)),
  });
  const url = await listener.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    await listener.close();
    home.close();
    rmSync(folder, { recursive: true });
  });
  const post = async (body: string | Uint8Array<ArrayBuffer>) => {
    const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      text: await answer.text(),
    };
  };
  return { home, witness, forked, post, url };
}

const body = (old: number | string, proof: readonly Uint8Array[], note: string) =>
  `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`;

test('I-16: add-checkpoint gives a cosignature for each checkpoint that a proof connects with the last one', async (t) => {
  const { home, post } = await listening(t);
  let old = 0;
  for (const size of [1, 2, 20, 20, 40]) {
    const note = await log.note(size);
    const answer = await post(body(old, log.proof(old, size), note));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(verifyCosignature(parseCheckpoint(note + answer.text), home.key), 1_767_945_600);
    old = size;
  }
});

test('I-16: add-checkpoint answers 409 with the size that it has, and keeps a fork as evidence', async (t) => {
  const { post, forked, witness } = await listening(t);
  assert.equal((await post(body(0, [], await log.note(20)))).status, 200);
  const conflict = { status: 409, type: 'text/x.tlog.size', text: '20\n' };
  assert.deepEqual(await post(body(0, [], await log.note())), conflict);
  assert.deepEqual(await post(body(5, [], await log.note(10))), conflict);
  assert.deepEqual(forked, []);
  assert.deepEqual(await post(body(20, [], await fork.note(20))), conflict);
  assert.deepEqual(forked, [await fork.note(20)]);
  assert.equal((await post(body(20, fork.proof(20, 40), await fork.note()))).status, 422);
  assert.equal((await post(body(20, [], await log.note()))).status, 422);
  assert.equal(witness.agreed?.size, 20);
});

test('add-checkpoint tells an unknown log, a missing signature and a malformed request apart', async (t) => {
  const { post, url, witness } = await listening(t);
  const note = await log.note(20);
  const status = async (text: string | Uint8Array<ArrayBuffer>) => (await post(text)).status;
  assert.equal(await status(body(0, [], note.replaceAll('log.example/dev', 'log.example/other'))), 404);
  assert.equal(await status(body(0, [], note.replace('\n20\n', '\n21\n'))), 403);
  assert.equal(
    await status(body(0, [], note.replace('\u2014 log.example/dev', '\u2014 somebody.else'))),
    403,
  );
  assert.equal(await status(body(21, [], note)), 400);
  for (const malformed of [
    '',
    note,
    body('00', [], note),
    body('-1', [], note),
    body('9'.repeat(16), [], note),
    body(0, [new Uint8Array(31)], note),
    body(0, Array(64).fill(new Uint8Array(32)), note),
    body(0, [], note).replace('\n\n', '\n\r\n'),
    body(0, [], note.slice(0, -1)),
    `old 0\n!\n\n${note}`,
  ]) {
    assert.equal(await status(malformed), 400, JSON.stringify(malformed).slice(0, 60));
  }
  assert.equal(await status(Uint8Array.of(0xff, 0xfe)), 400);
  assert.equal(await status('x'.repeat(addCheckpointBytes + 1)), 413);
  assert.equal((await fetch(`${url}/add-checkpoint`)).status, 404);
  assert.equal(witness.agreed, undefined);
});
