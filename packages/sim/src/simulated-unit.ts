/**
 * One simulated unit: bytes in, bytes out, power on and off. What a power cut takes from a real unit it takes from
 * this one: session, staged bytes and the command under way go, storage and fuses stay as they were at that moment.
 */
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { Board, type BoardOptions, type BoardSummary } from './board.ts';
import { type Answer, DutSession } from './dut-session.ts';
import type { Entropy } from './entropy.ts';
import { Firmware, type FirmwareImage } from './firmware.ts';
import { PowerLost } from './power-rail.ts';
import { realTiming, type Timing } from './timing.ts';

export interface SimulatedUnitOptions {
  board: BoardOptions;
  firmware: FirmwareImage;
  maxLine?: number;
  /** Extra time that a command takes, by its name; `generate_key` has {@link keyDelayMs} besides. */
  commandDelayMs?: (name: string) => number;
  keyDelayMs?: number;
  bootDelayMs?: number;
  entropy: Entropy;
  timing?: Timing;
}

/** Lines that wait while a command is carried out; what comes beyond is answered `busy`. */
const waitingLines = 8;

export class SimulatedUnit {
  readonly board: Board;
  readonly #options: SimulatedUnitOptions;
  readonly #timing: Timing;
  readonly #splitter: LineSplitter;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  #session: DutSession | undefined;
  #waiting: string[] = [];
  #atWork = false;
  /** Goes up whenever power goes: whatever was under way before it is void. */
  #epoch = 0;

  constructor(options: SimulatedUnitOptions) {
    this.#options = options;
    this.#timing = options.timing ?? realTiming;
    this.board = new Board(options.board);
    this.#splitter = new LineSplitter(options.maxLine ?? 2048);
  }

  get powered(): boolean {
    return this.#session !== undefined;
  }

  /** Gives the bytes that the unit sends; the call takes the listener away again. */
  onOutput(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Boots; a unit that is on already stays on. */
  powerOn(): void {
    if (this.#session) return;
    this.board.bootCount++;
    const firmware = new Firmware(this.board, this.#options.firmware);
    this.#session = new DutSession({
      firmware,
      hardwareUid: this.board.hardwareUid,
      hwRev: this.board.hwRev,
      maxLine: this.#options.maxLine ?? 2048,
      entropy: this.#options.entropy,
      beforeCommand: (name) => this.#workFor(name),
    });
    this.#print(
      `\r\nboot ${firmware.image.buildId}${firmware.bootRefusal ? ` ${firmware.bootRefusal}` : ''}\r\n`,
    );
  }

  powerOff(): void {
    this.#epoch++;
    this.#session = undefined;
    this.#waiting = [];
    this.#atWork = false;
    this.#splitter.clear();
  }

  /** Off, and after the boot delay on again. */
  async powerCycle(): Promise<void> {
    this.powerOff();
    const epoch = this.#epoch;
    await this.#timing.delay(this.#options.bootDelayMs ?? 2);
    if (epoch === this.#epoch) this.powerOn();
  }

  /** Takes what arrived on its line; a unit without power hears nothing. */
  receive(bytes: Uint8Array): void {
    if (!this.#session) return;
    const { lines, dropped } = this.#splitter.push(bytes);
    for (let count = 0; count < dropped; count++) this.#send(this.#session.tooLong().line);
    for (const line of lines) {
      if (this.#waiting.length >= waitingLines) this.#send(this.#session.busy().line);
      else this.#waiting.push(line);
    }
    if (!this.#atWork) void this.#work();
  }

  summary(): BoardSummary {
    return this.board.summary();
  }

  async #work(): Promise<void> {
    const epoch = this.#epoch;
    const session = this.#session!;
    this.#atWork = true;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      let answer: Answer;
      try {
        answer = await session.answer(line);
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        if (epoch === this.#epoch) await this.powerCycle();
        return;
      }
      if (epoch !== this.#epoch) return;
      this.#send(answer.line);
      if (answer.reboot) {
        await this.powerCycle();
        return;
      }
    }
    this.#atWork = false;
  }

  async #workFor(name: string): Promise<void> {
    const ms =
      (name === 'generate_key' ? (this.#options.keyDelayMs ?? 0) : 0) +
      (this.#options.commandDelayMs?.(name) ?? 0);
    const epoch = this.#epoch;
    if (ms > 0) await this.#timing.delay(ms);
    // The firmware that waited is no more: nothing that it would do may reach the board.
    if (epoch !== this.#epoch) throw new PowerLost();
  }

  #send(line: string): void {
    this.#print(`${line}\n`);
  }

  #print(text: string): void {
    const bytes = Buffer.from(text);
    for (const listener of this.#listeners) listener(bytes);
  }
}
