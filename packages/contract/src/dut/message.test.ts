import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { limits } from '../limits.ts';
import { parseReplyLine, parseRequestLine } from './frame.ts';
import { type DutCommand, dutCommands, isDutErrorCode } from './message.ts';
import { dutVectors } from './vectors.test-kit.ts';

test('I-10: every command refuses a field that it does not know', () => {
  for (const name of Object.keys(dutCommands) as DutCommand[]) {
    const issues = dutCommands[name].payload.safeParse({ further: 1 }).error?.issues ?? [];
    assert.ok(
      issues.some((issue) => issue.code === 'unrecognized_keys'),
      name,
    );
  }
});

test('the article’s commands have exactly its names and fields', () => {
  assert.deepEqual(Object.keys(dutCommands.set_device_id.payload.shape), ['device_id']);
  assert.deepEqual(Object.keys(dutCommands.write_certs.payload.shape), ['device_cert_pem', 'chain_pem']);
  assert.deepEqual(Object.keys(dutCommands.sign_challenge.payload.shape), ['challenge_b64']);
  assert.deepEqual(Object.keys(dutCommands.sign_challenge.reply.shape), ['signed_by', 'signature_b64']);
  assert.ok(dutCommands.finalize.payload.safeParse({ lock_debug: true }).success);
});

test('no error code comes from the prototype of objects', () => {
  assert.ok(isDutErrorCode('sealed'));
  assert.ok(!isDutErrorCode('constructor'));
  assert.ok(!isDutErrorCode('__proto__'));
});

test('refuses a message that claims to be longer than any may be', () => {
  const { payload } = dutCommands.put_chunk;
  const chunk = { offset: 0, data_b64: '' };
  assert.ok(payload.safeParse({ ...chunk, total: limits.dutMessageBytes }).success);
  assert.ok(!payload.safeParse({ ...chunk, total: limits.dutMessageBytes + 1 }).success);
});

test('the transcript’s lines keep to the longest line, and its pieces join to what they name', () => {
  const { transcript } = dutVectors;
  let staged = '';
  let held = { text: '', sha256: '' };
  const wholes: string[] = [];
  transcript.exchanges.forEach(({ request, reply }, at) => {
    for (const line of [request, reply]) assert.ok(Buffer.byteLength(line) <= transcript.max_line);
    const asked = parseRequestLine(request);
    const answer = parseReplyLine(reply);
    assert.ok(asked.kind === 'frame' && answer.kind === 'frame');
    assert.equal(asked.frame.seq, at);
    assert.equal(answer.frame.seq, at);
    const { payload } = asked.frame;
    if (asked.frame.cmd === 'put_chunk') staged += Buffer.from(String(payload?.data_b64), 'base64');
    if (asked.frame.staged) {
      assert.equal(staged, transcript.payload);
      assert.equal(createHash('sha256').update(staged).digest('hex'), asked.frame.staged.sha256);
    }
    if (answer.frame.held) held = { text: '', sha256: answer.frame.held.sha256 };
    if (asked.frame.cmd === 'get_chunk') held.text += Buffer.from(String(answer.frame.data_b64), 'base64');
    if (createHash('sha256').update(held.text).digest('hex') === held.sha256) wholes.push(held.text);
  });
  assert.ok(wholes.includes(transcript.hello) && wholes.includes(transcript.read_back));
  assert.ok(dutCommands.hello.reply.safeParse(JSON.parse(transcript.hello)).success);
  assert.deepEqual(JSON.parse(transcript.read_back), JSON.parse(transcript.payload));
});
