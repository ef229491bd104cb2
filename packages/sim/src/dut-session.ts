/**
 * One power-on's worth of the DUT protocol on the unit's side: each sequence number is carried out once and answered
 * byte for byte alike however often it comes. It believes no framed line whose CRC does not fit.
 */
import {
  type FramedReply,
  type FramedRequest,
  frameLine,
  parseRequestLine,
} from '@imprint/contract/dut/frame';
import { type DutErrorCode, dutCommands, type HelloReply } from '@imprint/contract/dut/message';
import type { HardwareUid } from '@imprint/contract/hardware-uid';
import { limits } from '@imprint/contract/limits';
import type { Entropy } from './entropy.ts';
import type { Firmware, Outcome } from './firmware.ts';
import { sha256Hex } from './key-slot.ts';

/** The four commands that a unit also takes as the article has them: without sequence number and CRC. */
export const articleCommands = ['set_device_id', 'write_certs', 'sign_challenge', 'finalize'];

/** A reply line without its newline. `reboot`: the unit starts anew once the line is sent. */
export interface Answer {
  line: string;
  reboot: boolean;
}

export interface DutSessionOptions {
  firmware: Firmware;
  hardwareUid: HardwareUid;
  hwRev: string;
  maxLine: number;
  /** Requests that may be under way at once: as many replies are kept. */
  window?: number;
  entropy: Entropy;
  /** Called before a command that is carried out anew; resends and refused frames do not come here. */
  beforeCommand?: (name: string) => Promise<void>;
}

interface Held {
  text: Buffer;
  sha256: string;
}

export class DutSession {
  readonly #options: DutSessionOptions;
  #session: string | undefined;
  #lastSeq = 0;
  /** The last replies by sequence number, as many as the window is wide. */
  readonly #kept = new Map<number, Answer>();
  #staged: { total: number; pieces: Buffer } | undefined;
  #held: Held | undefined;

  constructor(options: DutSessionOptions) {
    this.#options = options;
  }

  /** Answers one line. Throws only where the supply fails meanwhile. */
  async answer(line: string): Promise<Answer> {
    const parsed = parseRequestLine(line);
    if (parsed.kind === 'frame') return this.#answerFramed(parsed.frame);
    if (parsed.kind === 'wrong') return this.#refuse(0, 'bad_payload', parsed.reason);
    const framed = this.#session !== undefined || /"(?:seq|crc)"/.test(line);
    const plain = readPlain(line);
    if (plain?.bare) return this.#answerPlain(plain.cmd, plain.payload);
    return framed ? this.#refuse(0, 'bad_frame') : plainAnswer({ ok: false, error: 'bad_frame' });
  }

  /** What a line that was longer than the unit takes is answered with. */
  tooLong(): Answer {
    if (this.#session === undefined) return plainAnswer({ ok: false, error: 'too_long' });
    return this.#refuse(0, 'too_long', `a line holds at most ${this.#options.maxLine} bytes`);
  }

  /** What a line is answered with that came while too many others were waiting. */
  busy(): Answer {
    return this.#session === undefined ? plainAnswer({ ok: false, error: 'busy' }) : this.#refuse(0, 'busy');
  }

  async #answerPlain(cmd: string, payload: unknown): Promise<Answer> {
    if (this.#session !== undefined) {
      return plainAnswer({ ok: false, error: 'refused', detail: 'after hello every line is framed' });
    }
    if (!articleCommands.includes(cmd)) {
      const error = Object.hasOwn(dutCommands, cmd) ? 'no_session' : 'unknown_command';
      return plainAnswer({ ok: false, error });
    }
    await this.#options.beforeCommand?.(cmd);
    const outcome = await this.#options.firmware.execute(cmd, payload);
    if (!outcome.ok) return plainAnswer({ ok: false, error: outcome.error, ...detailOf(outcome) });
    // The article's reply to `finalize` is bare.
    return plainAnswer(cmd === 'finalize' ? { ok: true } : { ok: true, ...outcome.body });
  }

  async #answerFramed(request: FramedRequest): Promise<Answer> {
    const { seq, cmd } = request;
    if (cmd === 'hello') return this.#hello(request);
    if (this.#session === undefined) return this.#refuse(seq, 'no_session');
    // Sequence number 0 is the hello's; it has no reply to give again.
    const kept = this.#kept.get(seq);
    if (kept) return { line: kept.line, reboot: false };
    if (seq !== this.#lastSeq + 1) return this.#refuse(seq, 'bad_seq', `the last one was ${this.#lastSeq}`);
    await this.#options.beforeCommand?.(cmd);
    const outcome = await this.#carryOut(request);
    const answer = this.#frame(seq, outcome);
    this.#lastSeq = seq;
    this.#kept.set(seq, answer);
    this.#kept.delete(seq - (this.#options.window ?? 1));
    return answer;
  }

  async #hello(request: FramedRequest): Promise<Answer> {
    const payload = dutCommands.hello.payload.safeParse(request.payload ?? {});
    if (request.seq !== 0) return this.#refuse(request.seq, 'bad_seq', 'hello has sequence number 0');
    if (!payload.success) return this.#refuse(0, 'bad_payload');
    if (!payload.data.versions.includes(1)) return this.#refuse(0, 'refused', 'this unit speaks version 1');
    await this.#options.beforeCommand?.('hello');
    this.#session = Buffer.from(this.#options.entropy(4)).toString('hex');
    this.#lastSeq = 0;
    this.#kept.clear();
    this.#staged = undefined;
    const { image } = this.#options.firmware;
    const { window = 1 } = this.#options;
    const body: HelloReply = {
      version: 1,
      session: this.#session,
      max_line: this.#options.maxLine,
      ...(window > 1 && { window }),
      features: [...image.features],
      hardware_uid: this.#options.hardwareUid,
      hw_rev: this.#options.hwRev,
      product: image.product,
      firmware: { build_id: image.buildId, sha256: image.sha256, rollback_counter: image.rollbackCounter },
      realm: image.realm,
      root_sha256: image.rootSha256,
      storage_map_sha256: image.storageMapSha256,
    };
    return this.#frame(0, { ok: true, body: { ...body } });
  }

  async #carryOut(request: FramedRequest): Promise<Outcome> {
    const { cmd } = request;
    if (cmd === 'put_chunk') return this.#putChunk(request);
    if (cmd === 'get_chunk') return this.#getChunk(request);
    this.#held = undefined;
    if (!request.staged) return this.#options.firmware.execute(cmd, request.payload);
    const staged = this.#staged;
    this.#staged = undefined;
    if (request.payload !== undefined) return refusal('bad_payload', 'payload and staged exclude each other');
    const { length, sha256 } = request.staged;
    if (
      !staged ||
      staged.pieces.length !== staged.total ||
      staged.total !== length ||
      sha256Hex(staged.pieces) !== sha256
    ) {
      return refusal('bad_payload', 'the staged bytes are not those that the command names');
    }
    let payload: unknown;
    try {
      payload = JSON.parse(staged.pieces.toString('utf8'));
    } catch {
      return refusal('bad_payload', 'the staged bytes are not JSON');
    }
    return this.#options.firmware.execute(cmd, payload);
  }

  #putChunk(request: FramedRequest): Outcome {
    const payload = dutCommands.put_chunk.payload.safeParse(request.payload ?? {});
    if (!payload.success) {
      const total = request.payload?.total;
      return refusal(
        typeof total === 'number' && total > limits.dutMessageBytes ? 'too_long' : 'bad_payload',
      );
    }
    const { offset, total, data_b64 } = payload.data;
    const piece = Buffer.from(data_b64, 'base64');
    if (offset === 0) this.#staged = { total, pieces: Buffer.alloc(0) };
    const staged = this.#staged;
    if (
      !staged ||
      staged.total !== total ||
      staged.pieces.length !== offset ||
      offset + piece.length > total
    ) {
      return refusal('bad_payload', 'the piece does not continue the last one');
    }
    staged.pieces = Buffer.concat([staged.pieces, piece]);
    return { ok: true, body: {} };
  }

  #getChunk(request: FramedRequest): Outcome {
    const payload = dutCommands.get_chunk.payload.safeParse(request.payload ?? {});
    if (!payload.success) return refusal('bad_payload');
    const { offset, length } = payload.data;
    if (!this.#held || offset >= this.#held.text.length)
      return refusal('bad_payload', 'no such piece is held');
    // What does not fit a line is left for the next call.
    const overhead = frameLine({ seq: request.seq, ok: true, data_b64: '' } as FramedReply).length;
    const most = Math.floor((this.#options.maxLine - overhead) / 4) * 3;
    const piece = this.#held.text.subarray(offset, offset + Math.min(length, most));
    return { ok: true, body: { data_b64: piece.toString('base64') } };
  }

  /** The reply's line; where that is longer than a line may be, the reply is held and its hash is told instead. */
  #frame(seq: number, outcome: Outcome): Answer {
    if (!outcome.ok) return this.#refuse(seq, outcome.error, outcome.detail);
    const reboot = outcome.reboot ?? false;
    const line = frameLine({ seq, ok: true, ...outcome.body });
    if (Buffer.byteLength(line) <= this.#options.maxLine) return { line, reboot };
    const text = Buffer.from(JSON.stringify(outcome.body));
    if (text.length > limits.dutMessageBytes) return this.#refuse(seq, 'too_long');
    this.#held = { text, sha256: sha256Hex(text) };
    const held = { length: text.length, sha256: this.#held.sha256 };
    return { line: frameLine({ seq, ok: true, held }), reboot };
  }

  #refuse(seq: number, error: DutErrorCode, detail?: string): Answer {
    // A detail is for people; it gives way where a line is short.
    const bare = frameLine({ seq, ok: false, error });
    if (detail === undefined) return { line: bare, reboot: false };
    const line = frameLine({ seq, ok: false, error, detail });
    return { line: Buffer.byteLength(line) <= this.#options.maxLine ? line : bare, reboot: false };
  }
}

/** Reads a line as the article has it; `bare` where it holds nothing but command and payload. */
export function readPlain(line: string): { cmd: string; payload: unknown; bare: boolean } | undefined {
  try {
    const value = JSON.parse(line) as Record<string, unknown> | null;
    if (value === null || typeof value !== 'object' || typeof value.cmd !== 'string') return undefined;
    // A framed line whose field names were damaged has further ones, and must not pass for a plain line.
    const bare = Object.keys(value).every((name) => name === 'cmd' || name === 'payload');
    return { cmd: value.cmd, payload: value.payload, bare };
  } catch {
    return undefined;
  }
}

export function plainAnswer(reply: Record<string, unknown>): Answer {
  return { line: JSON.stringify(reply), reboot: false };
}

function detailOf(outcome: { detail?: string }): { detail?: string } {
  return outcome.detail === undefined ? {} : { detail: outcome.detail };
}

function refusal(error: DutErrorCode, detail?: string): Outcome {
  return { ok: false, error, ...(detail !== undefined && { detail }) };
}
