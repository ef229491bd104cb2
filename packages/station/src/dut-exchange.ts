/**
 * Requests and their replies over a wire that loses, doubles and damages lines, in order: each request is carried out once by
 * the unit, which keeps its last replies. It knows sequence numbers and nothing of what the commands mean.
 */
import { toUtf8 } from '@imprint/contract/bytes';
import { type FramedReply, type FramedRequest, frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import type { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { articleOnly, garbled, protocolWrong, refusal, silent } from './dut-failures.ts';
import type { DutWire } from './dut-wire.ts';
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

/** One request, before it has its sequence number. */
export interface Ask extends Omit<FramedRequest, 'seq'> {
  /** How long the unit may be at work on it; the line is sent again meanwhile, which a unit answers once. */
  workMs?: number;
}

interface Sent {
  request: FramedRequest;
  line: Uint8Array;
}

/** `gap`: a reply to a later request. `stirring`: a line that is no message. */
type Answer = FramedReply | 'silent' | 'damaged' | 'plain' | 'stirring' | 'gap';

/** What ends a wait beside an answer and a damaged one. */
interface Tells {
  noise?: boolean;
  /** The last request under way, where the reply to a later one shows that one was lost. */
  gapTo?: number;
}

export class DutExchange {
  readonly #wire: DutWire;
  readonly #timers: Timers;
  /** Of the last request that was ever sent. */
  #seq = 0;
  #laterHello: FramedReply | undefined;

  constructor(wire: DutWire, timers: Timers) {
    this.#wire = wire;
    this.#timers = timers;
  }

  /** A unit that heard hello twice answered twice, and counts from the last one on: its last answer but the first. */
  get laterHello(): FramedReply | undefined {
    return this.#laterHello;
  }

  /**
   * Says hello at the pace that a unit needs which may still be booting. A new session: sequence numbers begin anew.
   * @throws link_lost, dut_silent, dut_garbled, dut_protocol, dut_refused
   */
  async hello(): Promise<FramedReply> {
    const request: FramedRequest = { seq: 0, cmd: 'hello', payload: { versions: [1] } };
    const line = toUtf8(`${frameLine(request)}\n`);
    const lineMs = this.#wire.msFor(line.length);
    const replyMs = this.#wire.msFor(line.length + longReplyBytes);
    const begunMs = this.#timers.nowMs();
    const isSteady = () => this.#timers.nowMs() - begunMs < helloSteadyMs;
    this.#seq = 0;
    this.#laterHello = undefined;
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
      const answer = await this.#answerTo(request, untilMs, { noise: !stirred });
      if (answer === 'stirring') stirred = true;
      else if (answer !== 'silent' || !isSteady()) {
        tries++;
        if (answer === 'silent') waitMs = Math.min(waitMs * 2, limits.dutReplyTimeoutMs);
        else if (answer === 'damaged') damaged++;
        else if (answer === 'plain') {
          plain++;
          if (plain > 2) throw articleOnly();
        } else if (typeof answer !== 'string') {
          if (answer.ok) return answer;
          throw refusal('hello', answer);
        }
      }
    }
    if (plain > 1) throw articleOnly();
    throw this.#unanswered('hello', sends, damaged);
  }

  /**
   * Sends the requests in order and gives their replies. Up to `window` of them are under way at once; where a line was lost,
   * all from the first unanswered one on are sent again. After a refusal nothing more is begun.
   * @throws dut_refused with the first refusal; dut_reset where the unit has no session any more; dut_silent, dut_garbled,
   * dut_protocol, link_lost
   */
  async ask(asks: readonly Ask[], window: number): Promise<FramedReply[]> {
    const first = this.#seq + 1;
    const replies: FramedReply[] = [];
    let underWay: Sent[] = [];
    let wanted = asks.length;
    while (replies.length < wanted) {
      const end = Math.min(wanted, replies.length + window);
      for (let at = replies.length + underWay.length; at < end; at++) {
        underWay.push(await this.#send(first + at, asks[at]!));
      }
      const reply = await this.#settle(underWay, asks[replies.length]!.workMs ?? 0);
      // whatever was under way behind a line that had to be sent again is sent again too
      underWay = reply.again ? [] : underWay.slice(1);
      replies.push(reply.reply);
      // what was sent already is carried out or refused, and settled for the sequence number's sake
      if (!reply.reply.ok) wanted = Math.min(wanted, this.#seq - first + 1);
    }
    const refused = replies.findIndex(({ ok }) => !ok);
    if (refused >= 0) throw refusal(asks[refused]!.cmd, replies[refused]!);
    return replies;
  }

  async #send(seq: number, { cmd, payload, staged }: Ask): Promise<Sent> {
    const request: FramedRequest = {
      seq,
      cmd,
      ...(payload !== undefined && { payload }),
      ...(staged !== undefined && { staged }),
    };
    const line = toUtf8(`${frameLine(request)}\n`);
    await this.#wire.send(line);
    this.#seq = Math.max(this.#seq, seq);
    return { request, line };
  }

  /** Waits for the reply to the first request under way, and sends that one again, alone, a bounded number of times. */
  async #settle(underWay: readonly Sent[], workMs: number): Promise<{ reply: FramedReply; again: boolean }> {
    const { request, line } = underWay[0]!;
    const bytes = underWay.reduce((sum, sent) => sum + sent.line.length, 0);
    const replyMs = this.#wire.msFor(bytes + longReplyBytes);
    // each of the others may come back damaged, which says nothing of the first
    const mostSends = limits.dutResends + underWay.length;
    const begunMs = this.#timers.nowMs();
    this.#wire.countAnew();
    let damaged = 0;
    let waitMs = firstReplyMs;
    // what was under way behind it says once that it was lost; what comes of that after is as old
    let gapTo = request.seq + underWay.length - 1;
    for (let sends = 1; ; sends++) {
      const untilMs = this.#timers.nowMs() + waitMs + replyMs;
      const answer = await this.#answerTo(request, () => untilMs, { gapTo });
      if (typeof answer !== 'string') return { reply: answer, again: sends > 1 };
      if (answer === 'silent') waitMs = Math.min(waitMs * 2, limits.dutReplyTimeoutMs);
      else if (answer === 'damaged') damaged++;
      else if (answer === 'gap') gapTo = request.seq;
      if (sends >= mostSends && this.#timers.nowMs() - begunMs >= workMs) {
        throw this.#unanswered(request.cmd, sends, damaged);
      }
      await this.#wire.send(line);
    }
  }

  #unanswered(cmd: string, sends: number, damaged: number): ImprintError {
    const context = { port: this.#wire.port, cmd, sends, damaged };
    const { heardBytes } = this.#wire;
    return damaged > 0 || heardBytes > 0 ? garbled(context, heardBytes) : silent(context);
  }

  async #answerTo(request: FramedRequest, untilMs: () => number, { noise, gapTo }: Tells): Promise<Answer> {
    for (;;) {
      const line = await this.#wire.hear(untilMs);
      if (line === undefined) return 'silent';
      const framed = parseReplyLine(line);
      if (framed.kind === 'wrong') throw protocolWrong(request.cmd, framed.reason);
      if (framed.kind === 'garbled') {
        if (isPlainReply(line)) return 'plain';
        // Noise and boot messages are skipped; what was meant as a frame is asked for again at once.
        if (/"(?:seq|crc|ok)"/.test(line)) return 'damaged';
        if (noise) return 'stirring';
        continue;
      }
      const reply = framed.frame;
      if (!reply.ok && reply.error === 'bad_frame') return 'damaged';
      // The station keeps to the unit's longest line: where one was too long, a lost newline joined two.
      if (!reply.ok && reply.error === 'too_long' && reply.seq !== request.seq) return 'damaged';
      if (reply.seq !== request.seq) {
        if (reply.seq === 0 && reply.ok) this.#laterHello = reply;
        // replies come in the order of the requests
        if (gapTo !== undefined && reply.seq > request.seq && reply.seq <= gapTo) return 'gap';
        continue;
      }
      if (!reply.ok && reply.error === 'busy') continue;
      if (!reply.ok && (reply.error === 'no_session' || reply.error === 'bad_seq'))
        throw refusal(request.cmd, reply);
      return reply;
    }
  }
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
