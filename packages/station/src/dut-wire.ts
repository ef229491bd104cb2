/**
 * The station's end of a unit's wire: the port, opened again where it was lost, and the lines that came over it. An endless
 * output costs its cap and no more. What a line means is the session's matter.
 */
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { limits } from '@imprint/contract/limits';
import { garbled, linkLost } from './dut-failures.ts';
import type { DutLink } from './dut-link.ts';
import { sleep, type Timers } from './timers.ts';

const reopenTries = 20;
const reopenPauseMs = 250;

export class DutWire {
  readonly #link: DutLink;
  readonly #timers: Timers;
  readonly #splitter = new LineSplitter(limits.dutLineBytes);
  #lines: string[] = [];
  #heardBytes = 0;
  #heardAtMs = 0;
  #lost: string | undefined = 'it is not open';
  #wake: () => void = () => {};

  constructor(link: DutLink, timers: Timers) {
    this.#link = link;
    this.#timers = timers;
  }

  get port(): string {
    return this.#link.port;
  }

  /** Bytes that came since {@link countAnew}. */
  get heardBytes(): number {
    return this.#heardBytes;
  }

  /** When the last byte came. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** How long so many bytes take where the wire sets a pace. */
  msFor(bytes: number): number {
    const { baud } = this.#link;
    return baud === null ? 0 : Math.ceil((bytes * 10_000) / baud);
  }

  /** Opens the port where it is not open (one that re-enumerates gets a few seconds) and forgets what came before. @throws link_lost */
  async open(): Promise<void> {
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
        await sleep(this.#timers, reopenPauseMs);
      }
    }
    this.#splitter.clear();
    this.#lines = [];
    this.#heardBytes = 0;
  }

  async close(): Promise<void> {
    this.#lost = 'it is closed';
    await this.#link.close();
    this.#wake();
  }

  /** Begins to count noise anew: the cap is on one exchange. */
  countAnew(): void {
    this.#heardBytes = 0;
  }

  /** @throws link_lost */
  async send(line: Uint8Array): Promise<void> {
    if (this.#lost !== undefined) throw linkLost(this.port, this.#lost);
    await this.#link.write(line);
  }

  /**
   * The next line, or undefined where none came until `untilMs()`, which is asked again whenever something was heard.
   * @throws link_lost; dut_garbled past the cap on noise
   */
  async hear(untilMs: () => number): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#lost !== undefined) throw linkLost(this.port, this.#lost);
      if (this.#heardBytes > limits.dutNoiseBytes) throw garbled({ port: this.port }, this.#heardBytes);
      const leftMs = untilMs() - this.#timers.nowMs();
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

  #take(bytes: Uint8Array): void {
    this.#heardBytes += bytes.length;
    this.#heardAtMs = this.#timers.nowMs();
    // An endless output is not kept: past the cap of one exchange nothing more is split or stored.
    if (this.#heardBytes > limits.dutNoiseBytes) this.#lines = [];
    else this.#lines.push(...this.#splitter.push(bytes).lines);
    this.#wake();
  }
}
