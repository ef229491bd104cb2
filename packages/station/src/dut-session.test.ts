import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  type FramedReply,
  type FramedRequest,
  frameLine,
  parseRequestLine,
} from '@imprint/contract/dut/frame';
import type { HelloReply } from '@imprint/contract/dut/message';
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { DutSession } from './dut-session.ts';
import { RushedTimers } from './rushed-timers.double.ts';
import { ScriptedLink } from './scripted-link.double.ts';

const hash = 'ab'.repeat(32);
const hello: HelloReply = {
  version: 1,
  session: '00000001',
  max_line: 256,
  features: [],
  hardware_uid: [{ kind: 'mcu-uid', value: '0123ABCD' }],
  hw_rev: 'B2',
  product: 'gateway',
  firmware: { build_id: 'fw-1', sha256: hash, rollback_counter: 1 },
  realm: 'dev',
  root_sha256: hash,
  storage_map_sha256: hash,
};

type Answer = (request: FramedRequest, count: number, link: ScriptedLink) => string[];
const say = (reply: Record<string, unknown> & { seq: number; ok: boolean }) =>
  `${frameLine(reply as FramedReply)}\n`;

/** A unit that says hello and leaves everything else to `answer`; `count` says how often this line came. */
function unit(answer: Answer, helloFields: Partial<HelloReply> = {}) {
  const seen = new Map<string, number>();
  const link = new ScriptedLink((line, self) => {
    const framed = parseRequestLine(line);
    if (framed.kind !== 'frame') return [say({ seq: 0, ok: false, error: 'bad_frame' })];
    const { frame } = framed;
    const count = (seen.get(line) ?? 0) + 1;
    seen.set(line, count);
    if (frame.cmd === 'hello') return [say({ seq: 0, ok: true, ...hello, ...helloFields })];
    return answer(frame, count, self);
  });
  return { link, session: new DutSession(link, new RushedTimers()) };
}

/** A unit that hears nothing until it has booted, and says what it says then before it takes a line. */
function bootingUnit(bootMs: number, baud: number | null, banner = '') {
  const timers = new RushedTimers();
  const heardAtMs: number[] = [];
  const link = new ScriptedLink(() => {
    heardAtMs.push(timers.nowMs());
    return timers.nowMs() < bootMs ? [] : [say({ seq: 0, ok: true, ...hello })];
  });
  link.baud = baud;
  if (banner !== '') timers.after(bootMs, () => link.say(banner));
  return { session: new DutSession(link, timers), heardAtMs, sent: link.sent };
}

const readId: Answer = ({ seq }) => [say({ seq, ok: true, device_id: 'SN-00000001' })];
const code = (expected: ErrorCode) => (error: unknown) => isImprintError(error, expected);

describe('a session with a unit', () => {
  it('counts commands from the hello on and gives what the unit answers', async () => {
    const { session, link } = unit(readId);
    assert.deepEqual(await session.start(), hello);
    assert.deepEqual(await session.call('read_device_id', {}), { device_id: 'SN-00000001' });
    await session.call('read_device_id', {});
    assert.deepEqual(
      link.sent.map((line) => JSON.parse(line).seq),
      [0, 1, 2],
    );
  });

  it('sends the same line again where the answer is lost, and no more often than the limit', async () => {
    const { session, link } = unit((request, count) => (count < 3 ? [] : readId(request, count, link)));
    await session.start();
    await session.call('read_device_id', {});
    assert.equal(new Set(link.sent.slice(1)).size, 1);

    const deaf = unit(() => []);
    await deaf.session.start();
    await assert.rejects(deaf.session.call('status', {}), code('dut_silent'));
    assert.equal(deaf.link.sent.length, 1 + limits.dutResends + 1);
  });

  it('asks again at once where the answer, or its own line, was damaged', async () => {
    const flip = (line: string) => line.replace('SN-0', 'SN-1');
    const damaged = unit((request, count, link) =>
      readId(request, count, link).map(count === 1 ? flip : String),
    );
    await damaged.session.start();
    assert.deepEqual(await damaged.session.call('read_device_id', {}), { device_id: 'SN-00000001' });

    const refused = unit((request, count, link) =>
      count === 1 ? [say({ seq: 0, ok: false, error: 'bad_frame' })] : readId(request, count, link),
    );
    await refused.session.start();
    await refused.session.call('read_device_id', {});
  });

  it('never takes a damaged answer, whatever byte of it is hit', async () => {
    const good = say({ seq: 1, ok: true, device_id: 'SN-00000001' });
    for (let at = 0; at < good.length - 1; at++) {
      const hit = good.slice(0, at) + String.fromCharCode(good.charCodeAt(at) ^ 1) + good.slice(at + 1);
      const { session } = unit(() => [hit]);
      await session.start();
      await assert.rejects(
        session.call('read_device_id', {}),
        (error) => isImprintError(error, 'dut_garbled', 'dut_silent'),
        `byte ${at}`,
      );
    }
  });

  it('skips noise, colour codes and boot messages around an answer', async () => {
    const { session } = unit((request, count, link) => [
      '\x1b[31mW (312) wifi: no antenna\x1b[0m\r\n\0\xff{"half": \n\n',
      `I (400) ready>${readId(request, count, link)[0]}`,
      'more noise\n',
    ]);
    await session.start();
    assert.deepEqual(await session.call('read_device_id', {}), { device_id: 'SN-00000001' });
    assert.deepEqual(await session.call('read_device_id', {}), { device_id: 'SN-00000001' });
  });

  it('ignores the second copy of an answer and an answer to an earlier command', async () => {
    const { session } = unit((request, count, link) => {
      const [answer] = readId(request, count, link);
      return request.seq === 2
        ? [say({ seq: 1, ok: true, device_id: 'SN-99999999' }), answer!]
        : [answer!, answer!];
    });
    await session.start();
    await session.call('read_device_id', {});
    assert.deepEqual(await session.call('read_device_id', {}), { device_id: 'SN-00000001' });
  });

  it('stops at the cap of an endless output, with or without newlines', async () => {
    for (const text of ['x'.repeat(8192), `${'y'.repeat(100)}\n`.repeat(80)]) {
      const { session } = unit(() => Array.from({ length: 40 }, () => text));
      await session.start();
      await assert.rejects(session.call('status', {}), code('dut_garbled'));
    }
  });

  it('says that the unit was reset where it knows no session', async () => {
    for (const error of ['no_session', 'bad_seq']) {
      const { session } = unit(({ seq }) => [say({ seq, ok: false, error })]);
      await session.start();
      await assert.rejects(session.call('status', {}), code('dut_reset'));
    }
  });

  it("tells a refusal with its code and quotes the unit's own words", async () => {
    const { session } = unit(({ seq }) => [
      say({ seq, ok: false, error: 'sealed', detail: 'no \x1b[2J more' }),
    ]);
    await session.start();
    await assert.rejects(session.call('status', {}), (error) => {
      assert.ok(isImprintError(error, 'dut_refused'));
      assert.equal(error.context.dut_error, 'sealed');
      assert.ok(!error.message.includes('\x1b'));
      return true;
    });
  });

  it('I-10: refuses an answer with a field too many, of another type, or a refusal that it does not know', async () => {
    const answers = [
      { ok: true, device_id: 'SN-1', admin: true },
      { ok: true, device_id: 7 },
      { ok: true },
      { ok: false, error: 'why_not' },
    ];
    for (const answer of answers) {
      const { session } = unit(({ seq }) => [say({ seq, ...answer })]);
      await session.start();
      await assert.rejects(session.call('read_device_id', {}), code('dut_protocol'));
    }
  });

  it('tells an article-only unit from a broken line', async () => {
    const link = new ScriptedLink(() => ['{"ok":false,"error":"unknown command"}\n']);
    const session = new DutSession(link, new RushedTimers());
    await assert.rejects(
      session.start(),
      (error) => isImprintError(error, 'dut_protocol') && error.context.article_only === true,
    );
  });

  it('reports a pulled cable at once, and opens the port again while it comes back', async () => {
    const { session, link } = unit((request, count, self) => {
      if (link.opens === 1) {
        self.pull();
        return [];
      }
      return readId(request, count, self);
    });
    await session.start();
    await assert.rejects(session.call('status', {}), code('link_lost'));
    link.refusals = 3;
    await session.start();
    assert.equal(link.opens, 2);
    await session.call('read_device_id', {});
  });

  it("keeps every line under the unit's longest, and sends a long payload in pieces under its hash", async () => {
    let staged = '';
    const { session, link } = unit(({ seq, cmd, payload, staged: named }) => {
      if (cmd === 'put_chunk') {
        assert.equal(payload!.offset, Buffer.byteLength(staged));
        staged += Buffer.from(payload!.data_b64 as string, 'base64').toString();
      } else {
        assert.deepEqual(named, {
          length: staged.length,
          sha256: createHash('sha256').update(staged).digest('hex'),
        });
      }
      return [say({ seq, ok: true })];
    });
    await session.start();
    const config = `{"text":"${'long '.repeat(300)}"}`;
    await session.call('write_factory_config', { config });
    assert.deepEqual(JSON.parse(staged), { config });
    for (const line of link.sent) assert.ok(line.length <= 256, `${line.length}`);
  });

  it('fetches a held answer in pieces and refuses one that is not what was announced', async () => {
    const text = JSON.stringify({ config: 'c'.repeat(700) });
    const sha256 = createHash('sha256').update(text).digest('hex');
    const holding =
      (named: string): Answer =>
      ({ seq, cmd, payload }) => {
        if (cmd !== 'get_chunk')
          return [say({ seq, ok: true, held: { length: text.length, sha256: named } })];
        const from = payload!.offset as number;
        return [
          say({ seq, ok: true, data_b64: Buffer.from(text.slice(from, from + 100)).toString('base64') }),
        ];
      };
    const honest = unit(holding(sha256));
    await honest.session.start();
    assert.deepEqual(await honest.session.call('read_factory_config', {}), JSON.parse(text));

    const forged = unit(holding(hash));
    await forged.session.start();
    await assert.rejects(forged.session.call('read_factory_config', {}), code('dut_protocol'));
  });

  it('waits for long work without giving up, as long as it was told to', async () => {
    const { session, link } = unit(({ seq }, count) =>
      count < 12 ? [] : [say({ seq, ok: true, passed: true, results: [] })],
    );
    await session.start();
    await session.call('selftest', { timeout_s: 60 }, { workMs: 60_000 });
    assert.equal(new Set(link.sent.slice(1)).size, 1);
  });

  it('a unit that boots is heard a moment after it is ready, whenever that is in its first second', async () => {
    for (const bootMs of [1, 30, 100, 333, 700, 990]) {
      for (const [baud, lineMs] of [
        [null, 0],
        [115_200, 6],
      ] as const) {
        const { session, heardAtMs } = bootingUnit(bootMs, baud);
        await session.start();
        const lateMs = heardAtMs.at(-1)! - bootMs;
        assert.ok(lateMs <= 25 + lineMs, `${bootMs} ms: ${lateMs} ms late`);
      }
    }
  });

  it('asks again at once when a booting unit says its first word, and once only', async () => {
    const { session, heardAtMs } = bootingUnit(110, null, 'boot fw-1\r\n');
    await session.start();
    assert.equal(heardAtMs.at(-1), 110);

    const chatty = bootingUnit(110, null, 'I (10) one\r\nI (20) two\r\n');
    await chatty.session.start();
    assert.equal(chatty.heardAtMs.filter((atMs) => atMs === 110).length, 1);
  });

  it('waits some fourteen seconds for a unit that is silent, with few lines', async () => {
    const { session, heardAtMs, sent } = bootingUnit(60_000, 115_200);
    await assert.rejects(session.start(), code('dut_silent'));
    assert.ok(heardAtMs.at(-1)! > 9_000, `${heardAtMs.at(-1)}`);
    assert.ok(sent.length <= 50, `${sent.length}`);
    const inFirstSecond = heardAtMs.filter((atMs) => atMs < 1_000).length;
    assert.ok(inFirstSecond * sent[0]!.length < 115_200 / 10 / 3, 'most of the wire stays free');
    const late = bootingUnit(9_000, null);
    await late.session.start();
  });

  it('does not ask again while an answer is still coming in', async () => {
    const timers = new RushedTimers();
    const link = new ScriptedLink(() => {
      const bytes = say({ seq: 0, ok: true, ...hello });
      // as a wire of 115,200 baud brings them
      for (let at = 0; at < bytes.length; at += 16)
        timers.after((at * 10_000) / 115_200, () => link.say(bytes.slice(at, at + 16)));
      return [];
    });
    await new DutSession(link, timers).start();
    assert.equal(link.sent.length, 1);
  });

  it('a unit that heard hello twice is believed by its second answer, held or not', async () => {
    const texts = ['0000000a', '0000000b'].map((session) => {
      const { version, ...fields } = hello;
      return JSON.stringify({ version, ...fields, session });
    });
    const answers = texts.map((text) => {
      const sha256 = createHash('sha256').update(text).digest('hex');
      return say({ seq: 0, ok: true, held: { length: text.length, sha256 } });
    });
    const link = new ScriptedLink((line) => {
      const framed = parseRequestLine(line);
      assert.equal(framed.kind, 'frame');
      if (framed.frame.cmd === 'hello') return link.sent.length === 1 ? [] : answers;
      const { offset } = framed.frame.payload as { offset: number };
      const data_b64 = Buffer.from(texts[1]!.slice(offset, offset + 90)).toString('base64');
      return [say({ seq: framed.frame.seq, ok: true, data_b64 })];
    });
    const said = await new DutSession(link, new RushedTimers()).start();
    assert.equal(said.session, '0000000b');
  });
});
