/**
 * The article's protocol as it stands: one JSON line asks, one answers. There is neither frame nor sequence number, so a
 * damaged answer can only be asked for again where asking twice does no harm; what such a unit says is worth no receipt.
 */
import { toUtf8 } from '@imprint/contract/bytes';
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { type DutCommand, type DutPayload, type DutReply, dutCommands } from '@imprint/contract/dut/message';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { quoteText } from '@imprint/contract/quote-text';
import type { DutLink } from './dut-link.ts';
import type { Timers } from './timers.ts';

export type ArticleCommand = Extract<
  DutCommand,
  'set_device_id' | 'write_certs' | 'sign_challenge' | 'finalize'
>;

const sendsIfHarmless = 3;

export class ArticleWire {
  readonly #link: DutLink;
  readonly #timers: Timers;
  readonly #splitter = new LineSplitter(limits.dutLineBytes);
  #lines: string[] = [];
  #heardBytes = 0;
  #lost: string | undefined;
  #wake: () => void = () => {};

  constructor(link: DutLink, timers: Timers) {
    this.#link = link;
    this.#timers = timers;
  }

  /** @throws link_lost */
  async open(): Promise<void> {
    await this.#link.open({
      bytes: (bytes) => {
        this.#heardBytes += bytes.length;
        if (this.#heardBytes <= limits.dutNoiseBytes) this.#lines.push(...this.#splitter.push(bytes).lines);
        this.#wake();
      },
      closed: (reason) => {
        this.#lost = reason;
        this.#wake();
      },
    });
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  /** @throws dut_refused, dut_silent, dut_garbled, dut_protocol, link_lost */
  async call<C extends ArticleCommand>(cmd: C, payload: DutPayload<C>): Promise<DutReply<C>> {
    const line = toUtf8(`${JSON.stringify({ cmd, payload })}\n`);
    // What cannot be undone is asked for once.
    const sends = cmd === 'finalize' ? 1 : sendsIfHarmless;
    for (let send = 1; send <= sends; send++) {
      this.#lines = [];
      this.#heardBytes = 0;
      await this.#link.write(line);
      const fields = await this.#answer(limits.dutReplyTimeoutMs);
      if (fields !== undefined) return readAnswer(cmd, fields);
    }
    throw new ImprintError('dut_silent', `the unit gave no answer to ${cmd} that can be read`, {
      hint: 'Check power, cable and baud rate, then run the job again.',
      context: { cmd },
    });
  }

  async #answer(waitMs: number): Promise<Record<string, unknown> | undefined> {
    const untilMs = this.#timers.nowMs() + waitMs;
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        const fields = parseAnswer(line);
        if (fields) return fields;
        continue;
      }
      if (this.#lost !== undefined) {
        throw new ImprintError('link_lost', `the link to the unit is gone: ${this.#lost}`, {
          hint: 'Check the cable, then run the job again.',
        });
      }
      if (this.#heardBytes > limits.dutNoiseBytes)
        throw new ImprintError('dut_garbled', 'the unit sends noise without end');
      const leftMs = untilMs - this.#timers.nowMs();
      if (leftMs <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const cancel = this.#timers.after(leftMs, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }
}

/** The object in a line; boot messages and noise are none. */
function parseAnswer(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'ok' in value) return value as Record<string, unknown>;
  } catch {
    // noise
  }
  return undefined;
}

function readAnswer<C extends ArticleCommand>(
  cmd: C,
  { ok, ...fields }: Record<string, unknown>,
): DutReply<C> {
  if (ok !== true) {
    const reason = typeof fields.error === 'string' ? `: ${quoteText(fields.error)}` : '';
    throw new ImprintError('dut_refused', `the unit refuses ${cmd}${reason}`, { context: { cmd } });
  }
  const parsed = dutCommands[cmd].reply.safeParse(fields);
  if (parsed.success) return parsed.data as DutReply<C>;
  throw new ImprintError('dut_protocol', `the unit's answer to ${cmd} is not of this protocol`, {
    context: { cmd },
  });
}
