/**
 * The station's side of the DUT protocol: each command is carried out once by the unit however often its line is sent,
 * and no byte is believed before its CRC and its schema fit. It trusts neither the wire nor the unit.
 */
import { fromBase64, fromUtf8, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { type FramedReply, type FramedRequest, frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import {
  type DutCommand,
  type DutPayload,
  type DutReply,
  dutCommands,
  type HelloReply,
} from '@imprint/contract/dut/message';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { articleOnly, garbled, protocolWrong, refusal, silent } from './dut-failures.ts';
import type { DutLink } from './dut-link.ts';
import { DutWire } from './dut-wire.ts';
import type { Timers } from './timers.ts';

/** How long a healthy unit takes to begin its answer; each resend waits twice as long, up to `limits.dutReplyTimeoutMs`. */
const firstReplyMs = 400;
/**
 * A unit that boots hears nothing for a moment: hello is asked at a steady pace for its first second, and only then ever more
 * slowly. Asking twice does no harm, and forty short lines in a second leave most of the slowest usual wire free.
 */
const helloEveryMs = 25;
const helloSteadyMs = 1_000;
const helloSends = 10;
/** Bytes of a long answer, for the time that they take on a paced wire. */
const longReplyBytes = 2_048;

type Held = NonNullable<FramedReply['held']>;
type Answer = FramedReply | 'silent' | 'damaged' | 'plain' | 'stirring';

export interface CallOptions {
  /** How long the unit may be at work on this command; the line is sent again meanwhile, which a unit answers once. */
  workMs?: number;
}

export class DutSession {
  readonly #wire: DutWire;
  readonly #timers: Timers;
  #seq = 0;
  #hello: HelloReply | undefined;
  /** A unit that heard hello twice answered twice, and counts from the second one on. */
  #laterHello: FramedReply | undefined;

  constructor(link: DutLink, timers: Timers) {
    this.#wire = new DutWire(link, timers);
    this.#timers = timers;
  }

  get port(): string {
    return this.#wire.port;
  }

  /** What the unit said of itself at the last {@link start}. */
  get unit(): HelloReply {
    if (!this.#hello) throw new ImprintError('dut_protocol', 'no unit has said hello yet');
    return this.#hello;
  }

  /**
   * Opens the port where it is not open (a port that re-enumerates gets a few seconds), says hello and gives what the
   * unit answers. Whoever answers is a new acquaintance: the caller compares hardware UIDs.
   * @throws link_lost, dut_silent, dut_garbled, dut_protocol, dut_refused
   */
  async start(): Promise<HelloReply> {
    this.#hello = undefined;
    this.#laterHello = undefined;
    await this.#wire.open();
    this.#seq = 0;
    const reply = await this.#sayHello();
    const held = () => this.#laterHello?.held ?? reply.held!;
    const fields = reply.held ? await this.#fetchHeld('hello', held) : plainFields(reply);
    this.#hello = readReply('hello', fields);
    return this.#hello;
  }

  /**
   * One command, carried out at most once.
   * @throws dut_refused (context `dut_error`), dut_reset where the unit has no session any more, dut_silent, dut_garbled,
   * dut_protocol, link_lost
   */
  async call<C extends DutCommand>(
    cmd: C,
    payload: DutPayload<C>,
    options: CallOptions = {},
  ): Promise<DutReply<C>> {
    const maxLine = this.unit.max_line;
    let request: FramedRequest = { seq: this.#nextSeq(), cmd, payload: payload as Record<string, unknown> };
    if (frameLine(request).length > maxLine) {
      this.#seq--;
      const staged = await this.#stage(toUtf8(JSON.stringify(payload)));
      request = { seq: this.#nextSeq(), cmd, staged };
    }
    const reply = await this.#exchange(request, options);
    const held = reply.held;
    return readReply(cmd, held ? await this.#fetchHeld(cmd, () => held) : plainFields(reply));
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #nextSeq(): number {
    this.#seq++;
    return this.#seq;
  }

  /** As {@link exchange}, at the pace that a unit needs which may still be booting. */
  async #sayHello(): Promise<FramedReply> {
    const request: FramedRequest = { seq: 0, cmd: 'hello', payload: { versions: [1] } };
    const line = toUtf8(`${frameLine(request)}\n`);
    const lineMs = this.#wire.msFor(line.length);
    const replyMs = this.#wire.msFor(line.length + longReplyBytes);
    const begunMs = this.#timers.nowMs();
    const isSteady = () => this.#timers.nowMs() - begunMs < helloSteadyMs;
    this.#wire.countAnew();
    let sends = 0;
    let tries = 0;
    let damaged = 0;
    let plain = 0;
    let stirred = false;
    let waitMs = helloEveryMs;
    while (tries < helloSends) {
      sends++;
      await this.#wire.send(line);
      const sentMs = this.#timers.nowMs();
      const latestMs = sentMs + waitMs + replyMs;
      // While bytes come, an answer may be among them, and asking again would only lengthen it.
      const quietMs = () => Math.max(sentMs, this.#wire.heardAtMs) + helloEveryMs + lineMs;
      const untilMs = isSteady()
        ? () => Math.min(quietMs(), sentMs + firstReplyMs + replyMs)
        : () => latestMs;
      const answer = await this.#answerTo(request, untilMs, !stirred);
      if (answer === 'stirring') stirred = true;
      else if (answer !== 'silent' || !isSteady()) {
        tries++;
        if (answer === 'silent') waitMs = Math.min(waitMs * 2, limits.dutReplyTimeoutMs);
        else if (answer === 'damaged') damaged++;
        else if (answer === 'plain') {
          plain++;
          if (plain > 2) throw articleOnly();
        } else return answer;
      }
    }
    if (plain > 1) throw articleOnly();
    throw this.#unanswered('hello', sends, damaged);
  }

  /** Sends until an answer with this sequence number comes, a bounded number of times. */
  async #exchange(request: FramedRequest, { workMs = 0 }: CallOptions = {}): Promise<FramedReply> {
    const line = toUtf8(`${frameLine(request)}\n`);
    const replyMs = this.#wire.msFor(line.length + longReplyBytes);
    const begunMs = this.#timers.nowMs();
    this.#wire.countAnew();
    let sends = 0;
    let damaged = 0;
    let waitMs = firstReplyMs;
    while (sends <= limits.dutResends || this.#timers.nowMs() - begunMs < workMs) {
      sends++;
      await this.#wire.send(line);
      const untilMs = this.#timers.nowMs() + waitMs + replyMs;
      const answer = await this.#answerTo(request, () => untilMs);
      if (answer === 'silent') waitMs = Math.min(waitMs * 2, limits.dutReplyTimeoutMs);
      else if (answer === 'damaged') damaged++;
      else if (typeof answer !== 'string') return answer;
    }
    throw this.#unanswered(request.cmd, sends, damaged);
  }

  #unanswered(cmd: string, sends: number, damaged: number): ImprintError {
    const context = { port: this.port, cmd, sends, damaged };
    const { heardBytes } = this.#wire;
    return damaged > 0 || heardBytes > 0 ? garbled(context, heardBytes) : silent(context);
  }

  /** `tellsNoise`: a line that is no message ends the wait too (`stirring`). */
  async #answerTo(request: FramedRequest, untilMs: () => number, tellsNoise = false): Promise<Answer> {
    for (;;) {
      const line = await this.#wire.hear(untilMs);
      if (line === undefined) return 'silent';
      const framed = parseReplyLine(line);
      if (framed.kind === 'wrong') throw protocolWrong(request.cmd, framed.reason);
      if (framed.kind === 'garbled') {
        if (isPlainReply(line)) return 'plain';
        // Noise and boot messages are skipped; what was meant as a frame is asked for again at once.
        if (/"(?:seq|crc|ok)"/.test(line)) return 'damaged';
        if (tellsNoise) return 'stirring';
        continue;
      }
      const reply = framed.frame;
      if (!reply.ok && reply.error === 'bad_frame') return 'damaged';
      // The station keeps to the unit's longest line: where one was too long, a lost newline joined two.
      if (!reply.ok && reply.error === 'too_long' && reply.seq !== request.seq) return 'damaged';
      if (reply.seq !== request.seq) {
        if (reply.seq === 0 && reply.ok) this.#laterHello = reply;
        continue;
      }
      if (reply.ok) return reply;
      if (reply.error === 'busy') continue;
      throw refusal(request.cmd, reply);
    }
  }
  /** Sends a payload that is longer than a line in pieces; the unit checks the whole by its hash. */
  async #stage(whole: Uint8Array): Promise<{ length: number; sha256: string }> {
    if (whole.length > limits.dutMessageBytes) {
      throw new ImprintError(
        'dut_protocol',
        `a payload of ${whole.length} bytes is more than any unit takes`,
      );
    }
    const total = whole.length;
    const empty = { seq: 0xffffffff, cmd: 'put_chunk', payload: { offset: total, total, data_b64: '' } };
    const pieceBytes = Math.floor((this.unit.max_line - frameLine(empty).length) / 4) * 3;
    for (let offset = 0; offset < total; offset += pieceBytes) {
      const data_b64 = toBase64(whole.subarray(offset, offset + pieceBytes));
      const payload = { offset, total, data_b64 };
      await this.#exchange({ seq: this.#nextSeq(), cmd: 'put_chunk', payload });
    }
    return { length: total, sha256: sha256Hex(whole) };
  }

  /** Fetches the reply that the unit holds, whose text names no more than it announced. */
  async #fetchHeld(cmd: string, announced: () => Held): Promise<Record<string, unknown>> {
    const { length } = announced();
    const whole = new Uint8Array(length);
    let offset = 0;
    while (offset < length) {
      const payload = { offset, length: Math.min(length - offset, limits.dutLineBytes) };
      const reply = await this.#exchange({ seq: this.#nextSeq(), cmd: 'get_chunk', payload });
      const { data_b64 } = readReply('get_chunk', plainFields(reply));
      const piece = fromBase64(data_b64, 'dut_protocol');
      if (piece.length === 0 || piece.length > length - offset) {
        throw protocolWrong(cmd, 'a piece of the held reply has the wrong length');
      }
      whole.set(piece, offset);
      offset += piece.length;
    }
    if (sha256Hex(whole) !== announced().sha256)
      throw protocolWrong(cmd, 'the held reply does not have the hash it was announced with');
    try {
      const value: unknown = JSON.parse(fromUtf8(whole, 'dut_protocol'));
      if (value !== null && typeof value === 'object' && !Array.isArray(value))
        return value as Record<string, unknown>;
    } catch {
      // falls through: the text is not an object
    }
    throw protocolWrong(cmd, 'the held reply is not a JSON object');
  }
}

function readReply<C extends DutCommand>(cmd: C, fields: Record<string, unknown>): DutReply<C> {
  const result = dutCommands[cmd].reply.safeParse(fields);
  if (result.success) return result.data as DutReply<C>;
  const issue = result.error.issues[0]!;
  throw protocolWrong(cmd, `${issue.path.join('.') || 'the reply'}: ${issue.message}`);
}

function plainFields(reply: FramedReply): Record<string, unknown> {
  const { seq: _seq, ok: _ok, ...fields } = reply;
  return fields;
}

/** An answer of the article's form, without sequence number and CRC: the firmware knows no hello. */
function isPlainReply(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return (
      typeof value === 'object' &&
      value !== null &&
      'ok' in value &&
      typeof value.ok === 'boolean' &&
      !('seq' in value) &&
      !('crc' in value)
    );
  } catch {
    return false;
  }
}
