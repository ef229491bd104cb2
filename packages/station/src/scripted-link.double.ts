/** A link whose far end is a function of the test: what the station sends in a line, the script answers in bytes, or not. */
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { ImprintError } from '@imprint/contract/errors';
import type { DutLink, DutLinkEvents } from './dut-link.ts';

/** Gives the texts to send for one line, as they stand (a newline is the script's own matter). */
export type Script = (line: string, link: ScriptedLink) => string[];

export class ScriptedLink implements DutLink {
  readonly port = 'scripted';
  baud: number | null = null;
  /** Every line that the station sent. */
  readonly sent: string[] = [];
  opens = 0;
  /** Set to refuse the next so many openings. */
  refusals = 0;
  readonly #script: Script;
  readonly #splitter = new LineSplitter(1024 * 1024);
  #events: DutLinkEvents | undefined;

  constructor(script: Script) {
    this.#script = script;
  }

  async open(events: DutLinkEvents): Promise<void> {
    if (this.refusals > 0) {
      this.refusals--;
      throw new ImprintError('link_lost', 'nothing is plugged in');
    }
    this.opens++;
    this.#events = events;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#events) throw new ImprintError('link_lost', 'it is not open');
    for (const line of this.#splitter.push(bytes).lines) {
      this.sent.push(line);
      for (const text of this.#script(line, this)) this.say(text);
    }
  }

  /** Bytes from the unit, whether it was asked or not. */
  say(text: string): void {
    this.#events?.bytes(new TextEncoder().encode(text));
  }

  pull(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.closed('the cable was pulled');
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }
}
