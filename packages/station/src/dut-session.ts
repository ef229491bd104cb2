/**
 * The station's side of the DUT protocol: each command is carried out once by the unit however often its line is sent,
 * and no byte is believed before its CRC and its schema fit. It trusts neither the wire nor the unit.
 */
import { fromBase64, fromUtf8, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { type FramedReply, type FramedRequest, frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import {
  type DutCommand,
  type DutPayload,
  type DutReply,
  dutCommands,
  dutErrors,
  type HelloReply,
  isDutErrorCode,
} from '@imprint/contract/dut/message';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { quoteText } from '@imprint/contract/quote-text';
import type { DutLink } from './dut-link.ts';
import type { Timers } from './timers.ts';

/** How long a healthy unit takes to begin its answer; each resend waits twice as long, up to `limits.dutReplyTimeoutMs`. */
const firstReplyMs = 400;
/** A unit that boots hears nothing for a moment: hello is asked soon and often, since asking twice does no harm. */
const firstHelloMs = 20;
const helloSends = 10;
/** Bytes of a long answer, for the time that they take on a paced wire. */
const longReplyBytes = 2_048;
const reopenTries = 20;
const reopenPauseMs = 250;

type Heard = { kind: 'line'; line: string } | { kind: 'silent' };

export interface CallOptions {
  /** How long the unit may be at work on this command; the line is sent again meanwhile, which a unit answers once. */
  workMs?: number;
}

interface Patience extends CallOptions {
  sends?: number;
  firstMs?: number;
}

export class DutSession {
  readonly #link: DutLink;
  readonly #timers: Timers;
  #splitter = new LineSplitter(limits.dutLineBytes);
  #lines: string[] = [];
  #heardBytes = 0;
  #lost: string | undefined = 'it is not open';
  #wake: () => void = () => {};
  #seq = 0;
  #hello: HelloReply | undefined;

  constructor(link: DutLink, timers: Timers) {
    this.#link = link;
    this.#timers = timers;
  }

  get port(): string {
    return this.#link.port;
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
    await this.#openPort();
    this.#forget();
    this.#seq = 0;
    const request: FramedRequest = { seq: 0, cmd: 'hello', payload: { versions: [1] } };
    const reply = await this.#exchange(request, { sends: helloSends, firstMs: firstHelloMs });
    const fields = reply.held ? await this.#fetchHeld('hello', reply.held) : plainFields(reply);
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
    return readReply(cmd, reply.held ? await this.#fetchHeld(cmd, reply.held) : plainFields(reply));
  }

  async close(): Promise<void> {
    this.#lost = 'it is closed';
    await this.#link.close();
    this.#wake();
  }

  #nextSeq(): number {
    this.#seq++;
    return this.#seq;
  }

  async #openPort(): Promise<void> {
    for (let attempt = 1; this.#lost !== undefined; attempt++) {
      try {
        await this.#link.open({
          bytes: (bytes) => this.#take(bytes),
          closed: (reason) => {
            this.#lost = reason;
            this.#wake();
          },
        });
        this.#lost = undefined;
      } catch (error) {
        if (attempt >= reopenTries) throw error;
        await new Promise<void>((resolve) => {
          this.#timers.after(reopenPauseMs, resolve);
        });
      }
    }
  }

  #take(bytes: Uint8Array): void {
    this.#heardBytes += bytes.length;
    // An endless output is not kept: past the cap of one exchange nothing more is split or stored.
    if (this.#heardBytes > limits.dutNoiseBytes) {
      this.#lines = [];
    } else {
      this.#lines.push(...this.#splitter.push(bytes).lines);
    }
    this.#wake();
  }

  #forget(): void {
    this.#splitter.clear();
    this.#lines = [];
    this.#heardBytes = 0;
  }

  /** Sends until an answer with this sequence number comes, a bounded number of times. */
  async #exchange(request: FramedRequest, patience: Patience = {}): Promise<FramedReply> {
    const line = toUtf8(`${frameLine(request)}\n`);
    const { baud } = this.#link;
    const wireMs = baud === null ? 0 : Math.ceil(((line.length + longReplyBytes) * 10_000) / baud);
    const mostSends = patience.sends ?? limits.dutResends + 1;
    const workMs = patience.workMs ?? 0;
    const begunMs = this.#timers.nowMs();
    this.#heardBytes = 0;
    let sends = 0;
    let damaged = 0;
    let plain = 0;
    let waitMs = patience.firstMs ?? firstReplyMs;
    while (sends < mostSends || this.#timers.nowMs() - begunMs < workMs) {
      sends++;
      await this.#send(line);
      const answer = await this.#answerTo(request, waitMs + wireMs);
      if (answer === 'silent') waitMs = Math.min(waitMs * 2, limits.dutReplyTimeoutMs);
      else if (answer === 'damaged') damaged++;
      else if (answer === 'plain') {
        plain++;
        if (plain > 2 && request.cmd === 'hello') throw articleOnly();
      } else return answer;
    }
    const context = { port: this.port, cmd: request.cmd, sends, damaged };
    if (plain > 1 && request.cmd === 'hello') throw articleOnly();
    if (damaged > 0 || this.#heardBytes > 0) throw garbled(context, this.#heardBytes);
    throw new ImprintError('dut_silent', `the unit did not answer ${request.cmd} after ${sends} tries`, {
      hint: 'Check power, cable and seat of the unit in the fixture, then scan again.',
      context,
    });
  }

  async #send(line: Uint8Array): Promise<void> {
    if (this.#lost !== undefined) throw this.#linkLost();
    await this.#link.write(line);
  }

  async #answerTo(
    request: FramedRequest,
    waitMs: number,
  ): Promise<FramedReply | 'silent' | 'damaged' | 'plain'> {
    const untilMs = this.#timers.nowMs() + waitMs;
    for (;;) {
      const heard = await this.#hear(untilMs);
      if (heard.kind === 'silent') return 'silent';
      const framed = parseReplyLine(heard.line);
      if (framed.kind === 'wrong') throw protocolWrong(request.cmd, framed.reason);
      if (framed.kind === 'garbled') {
        if (isPlainReply(heard.line)) return 'plain';
        // Noise and boot messages are skipped; what was meant as a frame is asked for again at once.
        if (/"(?:seq|crc|ok)"/.test(heard.line)) return 'damaged';
        continue;
      }
      const reply = framed.frame;
      if (!reply.ok && reply.error === 'bad_frame') return 'damaged';
      // The station keeps to the unit's longest line: where one was too long, a lost newline joined two.
      if (!reply.ok && reply.error === 'too_long' && reply.seq !== request.seq) return 'damaged';
      if (reply.seq !== request.seq) continue;
      if (reply.ok) return reply;
      if (reply.error === 'busy') continue;
      throw refusal(request.cmd, reply);
    }
  }

  async #hear(untilMs: number): Promise<Heard> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return { kind: 'line', line };
      if (this.#lost !== undefined) throw this.#linkLost();
      if (this.#heardBytes > limits.dutNoiseBytes) throw garbled({ port: this.port }, this.#heardBytes);
      const leftMs = untilMs - this.#timers.nowMs();
      if (leftMs <= 0) return { kind: 'silent' };
      await new Promise<void>((resolve) => {
        const cancel = this.#timers.after(leftMs, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  #linkLost(): ImprintError {
    return new ImprintError('link_lost', `the link to the unit at ${this.port} is gone: ${this.#lost}`, {
      hint: 'Check the cable and the fixture, then scan again.',
      context: { port: this.port },
    });
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
  async #fetchHeld(cmd: string, held: { length: number; sha256: string }): Promise<Record<string, unknown>> {
    const whole = new Uint8Array(held.length);
    let offset = 0;
    while (offset < held.length) {
      const payload = { offset, length: Math.min(held.length - offset, limits.dutLineBytes) };
      const reply = await this.#exchange({ seq: this.#nextSeq(), cmd: 'get_chunk', payload });
      const { data_b64 } = readReply('get_chunk', plainFields(reply));
      const piece = fromBase64(data_b64, 'dut_protocol');
      if (piece.length === 0 || piece.length > held.length - offset) {
        throw protocolWrong(cmd, 'a piece of the held reply has the wrong length');
      }
      whole.set(piece, offset);
      offset += piece.length;
    }
    if (sha256Hex(whole) !== held.sha256)
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

function refusal(cmd: string, reply: FramedReply): ImprintError {
  const error = reply.error ?? '';
  if (!isDutErrorCode(error))
    return protocolWrong(cmd, `the unit refuses with ${quoteText(error)}, which is no known code`);
  const detail = reply.detail === undefined ? '' : ` (${quoteText(reply.detail)})`;
  if (error === 'no_session' || error === 'bad_seq') {
    return new ImprintError('dut_reset', `the unit was reset before ${cmd}: ${dutErrors[error]}`, {
      hint: 'Leave the unit in the fixture; the station identifies it anew and goes on.',
      context: { cmd, dut_error: error },
    });
  }
  return new ImprintError('dut_refused', `the unit refuses ${cmd}: ${dutErrors[error]}${detail}`, {
    hint: 'Scan again; if it stays, set the unit aside for the line lead.',
    context: { cmd, dut_error: error },
  });
}

function protocolWrong(cmd: string, reason: string): ImprintError {
  return new ImprintError('dut_protocol', `the unit's answer to ${cmd} is not of this protocol: ${reason}`, {
    hint: 'Check that the unit bears the firmware that its contract names.',
    context: { cmd },
  });
}

function articleOnly(): ImprintError {
  return new ImprintError(
    'dut_protocol',
    'the firmware does not speak hello: it knows the four plain commands at most',
    {
      hint: 'Flash current firmware, or use `imprint station run-job`, which never yields a receipt.',
      context: { article_only: true },
    },
  );
}

function garbled(context: Record<string, unknown>, bytes: number): ImprintError {
  return new ImprintError(
    'dut_garbled',
    `the unit's line is damaged or full of noise (${bytes} bytes, no whole answer)`,
    {
      hint: 'Check cable, connector, ground and baud rate of the fixture, then scan again.',
      context,
    },
  );
}
