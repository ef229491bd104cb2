/**
 * The station's side of the DUT protocol: the commands, and what is longer than a line. No byte is believed before its CRC and
 * its schema fit. It trusts neither the wire nor the unit.
 */
import { fromBase64, fromUtf8, toBase64, toUtf8 } from '@imprint/contract/bytes';
import { type FramedReply, frameLine } from '@imprint/contract/dut/frame';
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
import { type Ask, DutExchange } from './dut-exchange.ts';
import { protocolWrong } from './dut-failures.ts';
import type { DutLink } from './dut-link.ts';
import { DutWire } from './dut-wire.ts';
import type { Timers } from './timers.ts';

/** The longest sequence number, for how long a line may become. */
const longestSeq = 0xffffffff;
/** By so much the pieces of one reply may differ, since the sequence number before them grows. */
const pieceSlackBytes = 6;

type Held = NonNullable<FramedReply['held']>;

export type CallOptions = Pick<Ask, 'workMs'>;

/** Commands that do the same when they are carried out once more, and that nobody regrets when one before them was refused. */
type Repeatable =
  | Extract<DutCommand, `read_${string}` | 'set_device_id' | 'status'>
  | 'write_trust_anchor'
  | 'write_factory_config'
  | 'write_certs';
export type RepeatableCall = { [C in Repeatable]: { cmd: C; payload: DutPayload<C> } }[Repeatable];
type RepliesTo<Calls extends readonly RepeatableCall[]> = { [At in keyof Calls]: DutReply<Calls[At]['cmd']> };

export class DutSession {
  readonly #wire: DutWire;
  readonly #exchange: DutExchange;
  #hello: HelloReply | undefined;

  constructor(link: DutLink, timers: Timers) {
    this.#wire = new DutWire(link, timers);
    this.#exchange = new DutExchange(this.#wire, timers);
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
    await this.#wire.open();
    const reply = await this.#exchange.hello();
    const held = () => this.#exchange.laterHello?.held ?? reply.held!;
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
    { workMs }: CallOptions = {},
  ): Promise<DutReply<C>> {
    const asks = this.#asksOf(cmd, payload);
    if (workMs !== undefined) asks.at(-1)!.workMs = workMs;
    const reply = (await this.#exchange.ask(asks, this.#window)).at(-1)!;
    return readReply(cmd, await this.#fieldsOf(cmd, reply));
  }

  /**
   * Commands that need no answer of one another, in order; under way at once where the unit allows it. After a refusal some of
   * those behind it may have been carried out. @throws as {@link call}
   */
  async callAll<const Calls extends readonly RepeatableCall[]>(calls: Calls): Promise<RepliesTo<Calls>> {
    const asks = calls.map(({ cmd, payload }) => this.#asksOf(cmd, payload));
    const replies = await this.#exchange.ask(asks.flat(), this.#window);
    let end = 0;
    const own = asks.map((each) => {
      end += each.length;
      return replies[end - 1]!;
    });
    // A unit holds one long reply, and drops it at the next command: the last one's is there, others are asked for once more.
    const found: unknown[] = [];
    for (let at = calls.length - 1; at >= 0; at--) {
      const { cmd, payload } = calls[at]!;
      const isDropped = own[at]!.held !== undefined && at < calls.length - 1;
      found[at] = isDropped
        ? await this.call(cmd, payload)
        : readReply(cmd, await this.#fieldsOf(cmd, own[at]!));
    }
    return found as RepliesTo<Calls>;
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  /** Until the unit has said otherwise, one request is under way at a time. */
  get #window(): number {
    return this.#hello?.window ?? 1;
  }

  /** The command as it goes over the wire: in one line, or staged in pieces, whose whole the unit checks by its hash. */
  #asksOf(cmd: string, payload: object): Ask[] {
    const ask: Ask = { cmd, payload: payload as Record<string, unknown> };
    const maxLine = this.unit.max_line;
    if (lineBytes(ask) <= maxLine) return [ask];
    const whole = toUtf8(JSON.stringify(payload));
    const total = whole.length;
    if (total > limits.dutMessageBytes) {
      throw new ImprintError('dut_protocol', `a payload of ${total} bytes is more than any unit takes`);
    }
    const pieceOf = (offset: number, data_b64: string): Ask => ({
      cmd: 'put_chunk',
      payload: { offset, total, data_b64 },
    });
    const pieceBytes = Math.floor((maxLine - lineBytes(pieceOf(total, ''))) / 4) * 3;
    const pieces: Ask[] = [];
    for (let offset = 0; offset < total; offset += pieceBytes) {
      pieces.push(pieceOf(offset, toBase64(whole.subarray(offset, offset + pieceBytes))));
    }
    return [...pieces, { cmd, staged: { length: total, sha256: sha256Hex(whole) } }];
  }

  async #fieldsOf(cmd: string, reply: FramedReply): Promise<Record<string, unknown>> {
    const { held } = reply;
    return held ? this.#fetchHeld(cmd, () => held) : plainFields(reply);
  }

  /** Fetches the reply that the unit holds, whose text names no more than it announced. */
  async #fetchHeld(cmd: string, announced: () => Held): Promise<Record<string, unknown>> {
    const { length } = announced();
    const whole = new Uint8Array(length);
    let offset = 0;
    /** How much the unit gives at a time, once its first piece showed it. */
    let stepBytes: number | undefined;
    while (offset < length) {
      const asks = piecesFrom(offset, length, stepBytes);
      const replies = await this.#exchange.ask(asks, this.#window);
      for (const [at, reply] of replies.entries()) {
        const { data_b64 } = readReply('get_chunk', plainFields(reply));
        const piece = fromBase64(data_b64, 'dut_protocol');
        if (piece.length === 0 || piece.length > length - offset) {
          throw protocolWrong(cmd, 'a piece of the held reply has the wrong length');
        }
        whole.set(piece, offset);
        offset += piece.length;
        // Less than was asked for: what the others gave is not what follows.
        if (piece.length === asks[at]!.payload.length) continue;
        if (this.#window > 1) stepBytes = Math.max(1, piece.length - pieceSlackBytes);
        break;
      }
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

/** All that is left in pieces of this size; one piece, as long as a unit can give it, while the size is not known. */
function piecesFrom(offset: number, end: number, stepBytes: number | undefined) {
  const pieces = [];
  for (let at = offset; at < end; at += stepBytes ?? end) {
    const length = Math.min(end - at, stepBytes ?? limits.dutLineBytes);
    pieces.push({ cmd: 'get_chunk', payload: { offset: at, length } });
  }
  return pieces;
}

function lineBytes(ask: Ask): number {
  return toUtf8(frameLine({ seq: longestSeq, ...ask })).length;
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
