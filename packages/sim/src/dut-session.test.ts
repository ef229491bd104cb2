import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import { type DutCommand, dutCommands } from '@imprint/contract/dut/message';
import { dutVectors } from '@imprint/contract/dut/vectors.test-kit';
import { makeTestRealm, type TestRealm } from './test-realm.test-kit.ts';
import { asked, factoryConfig, hash, planFor, UnitDriver } from './unit-driver.test-kit.ts';
import { makeUnit, type UnitPlan } from './unit-plan.ts';
import { VirtualTiming } from './virtual-timing.test-kit.ts';

let realm: TestRealm;
before(async () => {
  realm = await makeTestRealm('dev');
});

async function powered(changes: Partial<UnitPlan> = {}): Promise<UnitDriver> {
  const driver = new UnitDriver(makeUnit(planFor(realm, changes), 1));
  driver.unit.powerOn();
  await driver.booted();
  return driver;
}

test('refuses a framed command before hello: no_session with its own number', async () => {
  const driver = await powered();
  const reply = await driver.framed({ seq: 5, cmd: 'status' });
  assert.deepEqual(reply, { seq: 5, ok: false, error: 'no_session' });
});

test('refuses a plain command after hello, and before it all but the article’s', async () => {
  const driver = await powered();
  const plain = async (cmd: string, payload = {}) =>
    JSON.parse(await driver.raw(JSON.stringify({ cmd, payload })));
  assert.equal((await plain('status')).error, 'no_session');
  assert.equal((await plain('erase')).error, 'unknown_command');
  assert.equal((await plain('sign_challenge', { challenge_b64: '' })).error, 'refused');
  assert.deepEqual(await plain('set_device_id', { device_id: 'GW-1' }), { ok: true });
  await driver.hello();
  assert.equal((await plain('set_device_id', { device_id: 'GW-2' })).error, 'refused');
  assert.equal((await driver.must('read_device_id')).device_id, 'GW-1');
});

test('a framed line whose field names were damaged does not pass for a plain command', async () => {
  const driver = await powered();
  const line = frameLine({ seq: 1, cmd: 'set_device_id', payload: { device_id: 'GW-1' } });
  const reply = await driver.raw(line.replace('seq', 'sep').replace('crc', 'crb'));
  assert.equal(JSON.parse(reply).error, 'bad_frame');
  assert.equal(driver.unit.summary().device_id, null);
});

test('answers a damaged framed line bad_frame, and does nothing', async () => {
  const driver = await powered();
  await driver.hello();
  const line = frameLine({ seq: 1, cmd: 'set_device_id', payload: { device_id: 'GW-1' } });
  const reply = parseReplyLine(await driver.raw(line.replace('GW-1', 'GW-2')));
  assert.deepEqual(reply, { kind: 'frame', frame: { seq: 0, ok: false, error: 'bad_frame' } });
  assert.equal(driver.unit.summary().device_id, null);
  assert.ok((await driver.ask('status')).ok);
});

test('carries a repeated request out once and answers it byte for byte alike', async () => {
  const driver = await powered();
  await driver.hello();
  const line = frameLine({
    seq: 1,
    cmd: 'generate_key',
    payload: { slot: 0, type: 'ec-p256', replace: true },
  });
  const first = await driver.raw(line);
  const { memory } = driver.unit.board;
  assert.equal(memory.writes('key'), 1);
  for (let count = 0; count < 3; count++) assert.equal(await driver.raw(line), first);
  assert.equal(memory.writes('key'), 1);
});

test('a refusal is remembered too: it is not tried again', async () => {
  const driver = await powered();
  await driver.hello();
  const line = frameLine({ seq: 1, cmd: 'read_device_id' });
  const first = await driver.raw(line);
  driver.unit.board.memory.write('device_id', Buffer.from('GW-1'));
  assert.equal(await driver.raw(line), first);
});

test('answers any number but the last and the next bad_seq, and stays where it was', async () => {
  const driver = await powered();
  await driver.hello();
  for (let count = 0; count < 3; count++) await driver.must('status');
  for (const seq of [0, 1, 2, 5, 0xffffffff]) {
    assert.equal((await driver.framed({ seq, cmd: 'status' })).error, 'bad_seq', String(seq));
  }
  assert.ok((await driver.ask('status')).ok);
});

test('keeps as many of its last replies as its window is wide, and says so in hello', async () => {
  assert.equal((await (await powered()).hello()).window, undefined);
  const driver = await powered({ window: 3 });
  assert.equal((await driver.hello()).window, 3);
  const lines = [1, 2, 3, 4].map((seq) => frameLine({ seq, cmd: 'status' }));
  const replies = [];
  for (const line of lines) replies.push(await driver.raw(line));
  for (const at of [3, 1, 2, 3]) assert.equal(await driver.raw(lines[at]!), replies[at]);
  assert.equal((await driver.framed({ seq: 1, cmd: 'status' })).error, 'bad_seq');
  assert.equal((await driver.framed({ seq: 6, cmd: 'status' })).error, 'bad_seq', 'the fifth was lost');
  await driver.hello();
  assert.equal((await driver.framed({ seq: 4, cmd: 'status' })).error, 'bad_seq', 'a new session keeps none');
});

test('each hello draws a session and forgets the one before', async () => {
  const driver = await powered();
  const first = await driver.hello();
  await driver.must('status');
  const second = await driver.hello();
  assert.notEqual(first.session, second.session);
  assert.equal((await driver.framed({ seq: 2, cmd: 'status' })).error, 'bad_seq');
  assert.ok((await driver.ask('status')).ok);
});

test('a request that comes again while it is carried out is answered twice and carried out once', async () => {
  const timing = new VirtualTiming();
  const driver = await powered({ timing, keyDelayMs: 200 });
  await driver.hello();
  const line = frameLine({
    seq: 1,
    cmd: 'generate_key',
    payload: { slot: 0, type: 'ed25519', replace: true },
  });
  driver.send(line);
  driver.send(line);
  await timing.run();
  assert.equal(await driver.nextLine(), await driver.nextLine());
  assert.equal(timing.nowMs(), 200);
  assert.equal(driver.unit.board.memory.writes('key'), 1);
});

test('answers busy where more lines wait than it keeps', async () => {
  const driver = await powered();
  await driver.hello();
  const line = `${frameLine({ seq: 1, cmd: 'status' })}\n`;
  driver.unit.receive(Buffer.from(line.repeat(12)));
  const replies: string[] = [];
  while (replies.length < 12) replies.push(await driver.nextLine());
  assert.equal(replies.filter((reply) => reply.includes('"busy"')).length, 4);
});

test('hello of a version that the unit does not speak is refused and opens nothing', async () => {
  const driver = await powered();
  const reply = await driver.framed({ seq: 0, cmd: 'hello', payload: { versions: [2] } });
  assert.equal(reply.error, 'refused');
  assert.equal((await driver.framed({ seq: 1, cmd: 'status' })).error, 'no_session');
});

test('drops a line longer than it takes, answers too_long, and reads the next one', async () => {
  const driver = await powered({ maxLine: 256 });
  assert.equal(JSON.parse(await driver.raw('x'.repeat(5000))).error, 'too_long');
  await driver.hello();
  const reply = parseReplyLine(await driver.raw('x'.repeat(257)));
  assert.ok(reply.kind === 'frame' && reply.frame.error === 'too_long' && reply.frame.seq === 0);
  assert.ok((await driver.ask('read_device_id')).seq === 1);
});

test('gives the transcript of the vectors, byte for byte', async () => {
  const plan = planFor(realm);
  const driver = new UnitDriver(
    makeUnit(
      {
        ...plan,
        seed: 'vectors',
        firmware: { ...plan.firmware, buildId: 'fw-2026.01.09', rootSha256: hash('root') },
        uidKinds: ['mcu-uid'],
        maxLine: dutVectors.transcript.max_line,
      },
      1,
    ),
  );
  driver.unit.powerOn();
  await driver.booted();
  for (const { request, reply } of dutVectors.transcript.exchanges) {
    assert.equal(await driver.raw(request), reply);
    assert.equal(
      await driver.raw(request.startsWith('{"seq":0') ? frameLine({ seq: 99, cmd: 'x' }) : request),
      request.startsWith('{"seq":0')
        ? frameLine({ seq: 99, ok: false, error: 'bad_seq', detail: 'the last one was 0' })
        : reply,
    );
  }
});

async function stage(
  driver: UnitDriver,
  text: string,
  pieceBytes = 100,
): Promise<{ length: number; sha256: string }> {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    const piece = bytes.subarray(offset, offset + pieceBytes);
    await driver.must('put_chunk', { offset, total: bytes.length, data_b64: piece.toString('base64') });
  }
  return { length: bytes.length, sha256: hash(text) };
}

function staged(driver: UnitDriver, cmd: string, reference: { length: number; sha256: string }) {
  driver.seq++;
  return driver.framed({ seq: driver.seq, cmd, staged: reference });
}

test('takes pieces in order alone, and uses them once', async () => {
  const driver = await powered({ maxLine: 512 });
  await driver.hello();
  const chunk = (offset: number, total: number, bytes = 'abc') =>
    driver.ask('put_chunk', { offset, total, data_b64: Buffer.from(bytes).toString('base64') });
  assert.equal((await chunk(3, 9)).error, 'bad_payload');
  assert.ok((await chunk(0, 9)).ok);
  assert.equal((await chunk(6, 9)).error, 'bad_payload');
  assert.equal((await chunk(3, 12)).error, 'bad_payload');
  assert.equal((await chunk(3, 9, 'abcdefg')).error, 'bad_payload');
  assert.equal((await chunk(0, 65_537)).error, 'too_long');
  const text = JSON.stringify({ config: factoryConfig });
  const reference = await stage(driver, text);
  assert.equal(
    (await staged(driver, 'write_factory_config', { ...reference, sha256: hash('other') })).error,
    'bad_payload',
  );
  assert.equal((await staged(driver, 'write_factory_config', reference)).error, 'bad_payload');
  await stage(driver, text);
  assert.ok((await staged(driver, 'write_factory_config', reference)).ok);
  assert.equal((await staged(driver, 'write_factory_config', reference)).error, 'bad_payload');
});

test('a piece that is lost and sent again does not stand twice in what is staged', async () => {
  const driver = await powered({ maxLine: 512 });
  await driver.hello();
  const text = JSON.stringify({ device_id: 'GW-1' });
  const line = frameLine({
    seq: 1,
    cmd: 'put_chunk',
    payload: { offset: 0, total: text.length, data_b64: Buffer.from(text).toString('base64') },
  });
  for (let count = 0; count < 3; count++) await driver.raw(line);
  driver.seq = 1;
  assert.ok((await staged(driver, 'set_device_id', { length: text.length, sha256: hash(text) })).ok);
});

test('whatever the length of its line, a unit is provisioned and every reply of a command fits the schema', async () => {
  for (const maxLine of [256, 300, 1024, 16_384]) {
    const driver = await powered({ maxLine });
    const replyOf = async (cmd: DutCommand, payload: Record<string, unknown> = {}) => {
      const text = JSON.stringify(payload);
      let reply =
        cmd === 'hello' ? await driver.hello() : await staged(driver, cmd, await stage(driver, text, 90));
      assert.ok(reply.ok, `${cmd}: ${reply.error} ${reply.detail}`);
      if (reply.held) {
        let held = Buffer.alloc(0);
        while (held.length < reply.held.length) {
          const piece = await driver.must('get_chunk', { offset: held.length, length: 16_384 });
          held = Buffer.concat([held, Buffer.from(String(piece.data_b64), 'base64')]);
        }
        assert.equal(hash(held.toString('utf8')), reply.held.sha256);
        reply = { seq: reply.seq, ok: true, ...JSON.parse(held.toString('utf8')) };
      }
      const { seq: _seq, ok: _ok, ...body } = reply;
      return dutCommands[cmd].reply.parse(body) as Record<string, unknown>;
    };
    await replyOf('hello');
    await replyOf('generate_key', { slot: 0, type: 'ec-p256', replace: false });
    const leaf = await realm.leaf('GW-1', driver.unit.board.keySlot.publicKey()!.spki);
    await replyOf('write_trust_anchor', { trust_anchor_pem: realm.rootPem });
    await replyOf('set_device_id', { device_id: 'GW-1' });
    await replyOf('write_factory_config', { config: factoryConfig });
    await replyOf('write_certs', { device_cert_pem: leaf, chain_pem: realm.chainPem });
    assert.deepEqual(await replyOf('read_certs'), { device_cert_pem: leaf, chain_pem: realm.chainPem });
    assert.equal((await replyOf('read_trust_anchor')).trust_anchor_pem, realm.rootPem);
    assert.equal((await replyOf('read_factory_config')).config, factoryConfig);
    assert.equal((await replyOf('read_device_id')).device_id, 'GW-1');
    await replyOf('prove', asked);
    await replyOf('write_boot_flags', { boot_flags: { secure_boot: true, disable_jtag: true } });
    assert.equal((await replyOf('finalize', { lock_debug: true })).debug_lock, 'locked');
    await replyOf('attest', asked);
    assert.equal((await replyOf('selftest', { timeout_s: 5 })).passed, true);
    await replyOf('status');
    for (const line of driver.output.split('\n')) assert.ok(Buffer.byteLength(line) <= maxLine);
  }
});
