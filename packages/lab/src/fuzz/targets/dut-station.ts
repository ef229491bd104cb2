/** The station's side of the wire against a unit that answers anything at all: bounded sends, then an acceptable reply or a plain refusal. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { concatBytes } from '@imprint/contract/bytes';
import { type FramedReply, frameLine } from '@imprint/contract/dut/frame';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { DutLink, DutLinkEvents } from '@imprint/station/dut-link';
import { DutSession } from '@imprint/station/dut-session';
import { changed, type Draw, pick } from '../draws.ts';
import { helloSample, replySamples, statusSample } from '../dut-samples.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateJson } from '../mutate-json.ts';
import { assertPlain } from '../plain-value.ts';
import { RushingTimers } from '../rushing-timers.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf } from '../text-input.ts';

/** Between two answers of the unit in an input; the last one is given for ever. */
const answerEnd = 0x1e;
const mostSends = 400;

export function dutStationTarget(): FuzzTarget {
  return {
    name: 'dut-station',
    form: 'bytes',
    refusals: ['link_lost', 'dut_silent', 'dut_garbled', 'dut_protocol', 'dut_refused', 'dut_reset'],
    draw: (draw) => {
      const answers = [drawAnswer(draw, helloSample, 0.8), drawAnswer(draw, statusSample, 0.4)];
      if (draw() < 0.3) answers.splice(1, 1, ...heldAnswers(draw, statusSample));
      for (let more = Math.floor(draw() * 3); more > 0; more--)
        answers.push(drawAnswer(draw, pick(draw, replySamples), 0.3));
      const stream = concatBytes(...answers.flatMap((answer) => [answer, Uint8Array.of(answerEnd)]));
      return draw() < 0.7 ? stream : changed(draw, 3, stream, (one) => mutateBytes(draw, one));
    },
    judge: async (input) => {
      const link = new AnsweringLink(input);
      const session = new DutSession(link, new RushingTimers());
      try {
        const hello = await session.start();
        assertPlain(hello);
        assert.ok(hello.max_line >= limits.dutLineBytesMin && hello.max_line <= limits.dutLineBytes);
        assertPlain(await session.call('status', {}));
        // past the unit's longest line, so it goes out in pieces
        if (link.hasMore) {
          const [{ device_id }, { config }] = await session.callAll([
            { cmd: 'read_device_id', payload: {} },
            { cmd: 'read_factory_config', payload: {} },
          ]);
          assertPlain({ device_id, config });
        }
        if (link.hasMore)
          assertPlain(await session.call('write_factory_config', { config: 'x'.repeat(hello.max_line) }));
        return undefined;
      } finally {
        await session.close();
      }
    },
  };
}

class AnsweringLink implements DutLink {
  readonly port = 'fuzz';
  readonly baud = null;
  readonly #answers: Uint8Array[] = [];
  #events: DutLinkEvents | undefined;
  #sends = 0;

  constructor(input: Uint8Array) {
    let from = 0;
    for (let at = input.indexOf(answerEnd); at >= 0; at = input.indexOf(answerEnd, from)) {
      this.#answers.push(input.subarray(from, at));
      from = at + 1;
    }
    this.#answers.push(input.subarray(from));
  }

  get hasMore(): boolean {
    return this.#answers.length > 1;
  }

  async open(events: DutLinkEvents): Promise<void> {
    this.#events = events;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#events === undefined) throw new ImprintError('link_lost', 'it is closed');
    assert.ok(bytes.length <= limits.dutLineBytes + 1, 'the station sent a line over the cap');
    this.#sends++;
    assert.ok(this.#sends <= mostSends, `the station sent ${this.#sends} lines and went on`);
    const answer = this.#answers.length > 1 ? this.#answers.shift()! : this.#answers[0]!;
    this.#events.bytes(answer);
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }
}

/** A reply that the station fetches in a piece: announced, then given, either broken. */
function heldAnswers(draw: Draw, { seq: _seq, ok: _ok, ...fields }: FramedReply): Uint8Array[] {
  const text = bytesOf(draw() < 0.4 ? JSON.stringify(fields) : mutateJson(draw, fields));
  const sha256 = createHash('sha256').update(text).digest('hex');
  const announced = { seq: 1, ok: true, held: { length: text.length, sha256 } };
  const piece = { seq: 2, ok: true, data_b64: Buffer.from(text).toString('base64') };
  return [drawAnswer(draw, announced, 0.9), drawAnswer(draw, piece, 0.8)];
}

function drawAnswer(draw: Draw, reply: FramedReply, soundShare: number): Uint8Array {
  if (draw() < soundShare) return bytesOf(`${frameLine(reply)}\n`);
  const text = mutateJson(draw, { ...reply, seq: Math.floor(draw() * 4) });
  try {
    const value = JSON.parse(text);
    return bytesOf(`${frameLine(value)}\n`);
  } catch {
    return bytesOf(`${text}\n`);
  }
}
