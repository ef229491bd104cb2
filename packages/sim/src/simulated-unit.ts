/**
 * One simulated unit: bytes in, bytes out, power on and off. What a power cut takes from a real unit it takes from
 * this one: session, staged bytes and the command under way go, storage and fuses stay as they were at that moment.
 */
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { limits } from '@imprint/contract/limits';
import { ArticleSession } from './article-session.ts';
import { Board, type BoardOptions, type BoardSummary } from './board.ts';
import { type Answer, DutSession } from './dut-session.ts';
import type { Entropy } from './entropy.ts';
import type { FaultKind, FaultSource } from './faults.ts';
import { Firmware, type FirmwareImage } from './firmware.ts';
import { HostileFirmware, type HostileMeans, type HostileMode } from './hostile.ts';
import { PowerLost } from './power-rail.ts';
import { realTiming, type Timing } from './timing.ts';

export interface SimulatedUnitOptions {
  board: BoardOptions;
  firmware: FirmwareImage;
  entropy: Entropy;
  /** `article`: the four commands in plain JSON and nothing else; the slot must hold a key from the start. */
  protocol?: 'full' | 'article';
  maxLine?: number;
  /** Requests that it takes before the first of them is answered. */
  window?: number;
  /** Time that making a key takes, as a secure element takes it. */
  keyDelayMs?: number;
  /** Time that a command takes besides. */
  commandDelayMs?: (name: string) => number;
  bootDelayMs?: number;
  faults?: FaultSource | undefined;
  hostile?: { mode: HostileMode; means: HostileMeans } | undefined;
  timing?: Timing;
}

export const defaultMaxLine = 4096;
const defaultBootDelayMs = 2;
/** Lines that wait while a command is carried out; what comes beyond is answered `busy`. */
const waitingLines = 8;
const babble = { bytes: 1024, everyMs: 5 };

interface Session {
  answer(line: string): Promise<Answer>;
  tooLong(): Answer;
  busy(): Answer;
}

export class SimulatedUnit {
  readonly board: Board;
  readonly #options: SimulatedUnitOptions;
  readonly #timing: Timing;
  readonly #splitter: LineSplitter;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  #swap: (() => boolean) | undefined;
  #session: Session | undefined;
  #waiting: string[] = [];
  #atWork = false;
  #exchanges = 0;
  /** Goes up whenever power goes: whatever was under way before it is void. */
  #epoch = 0;

  constructor(options: SimulatedUnitOptions) {
    this.#options = options;
    this.#timing = options.timing ?? realTiming;
    this.board = new Board(options.board);
    this.#splitter = new LineSplitter(options.maxLine ?? defaultMaxLine);
  }

  get powered(): boolean {
    return this.#session !== undefined;
  }

  /** Gives the bytes that the unit sends; the call takes the listener away again. */
  onOutput(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Who lays another unit into the fixture when the fault `swap` strikes; it says whether it could. */
  onSwap(swap: (() => boolean) | undefined): void {
    this.#swap = swap;
  }

  /** Boots; a unit that is on already stays on. */
  powerOn(): void {
    if (this.#session) return;
    this.board.bootCount++;
    const { protocol, hostile, firmware: image } = this.#options;
    const firmware = hostile
      ? new HostileFirmware(this.board, image, hostile.mode, hostile.means)
      : new Firmware(this.board, image);
    const beforeCommand = (name: string) => this.#workFor(name);
    this.#session =
      protocol === 'article'
        ? new ArticleSession(this.board, beforeCommand)
        : new DutSession({
            firmware,
            hardwareUid: this.board.hardwareUid,
            hwRev: this.board.hwRev,
            maxLine: this.#options.maxLine ?? defaultMaxLine,
            window: this.#options.window ?? 1,
            entropy: this.#options.entropy,
            beforeCommand,
          });
    // The article's host reads the very next line as the answer, so such a unit prints nothing of its own.
    if (protocol !== 'article') this.#print(Buffer.from(`\r\nboot ${firmware.image.buildId}\r\n`));
    if (firmware.bootRefusal) this.#print(Buffer.from(`${firmware.bootRefusal}\r\n`));
    if (hostile?.mode === 'endless-output') void this.#babble();
  }

  powerOff(): void {
    this.#epoch++;
    this.#session = undefined;
    this.#waiting = [];
    this.#atWork = false;
    this.#splitter.clear();
    this.board.rail.disarm();
  }

  /** Off, and after the boot delay on again. */
  async powerCycle(): Promise<void> {
    this.powerOff();
    const epoch = this.#epoch;
    await this.#timing.delay(this.#options.bootDelayMs ?? defaultBootDelayMs);
    if (epoch === this.#epoch) this.powerOn();
  }

  /** Takes what arrived on its line; a unit without power hears nothing. */
  receive(bytes: Uint8Array): void {
    if (!this.#session) return;
    const { lines, dropped } = this.#splitter.push(bytes);
    for (let count = 0; count < dropped; count++) this.#send(undefined, this.#session.tooLong().line);
    for (const line of lines) {
      if (this.#waiting.length >= waitingLines) this.#send(undefined, this.#session.busy().line);
      else this.#waiting.push(line);
    }
    if (!this.#atWork) void this.#work();
  }

  /** The state of the board; nothing in it is secret. */
  summary(): BoardSummary {
    return this.board.summary();
  }

  /** Requests heard, and the faults among them that struck. */
  get exchanges(): number {
    return this.#exchanges;
  }

  get faultCounts(): Partial<Record<FaultKind, number>> {
    return this.#options.faults?.counts ?? {};
  }

  /** The certification request of the key in the slot, DER, for a unit whose protocol has no command for it. */
  requestOutOfBand(): Promise<Uint8Array> {
    return this.board.keySlot.certificationRequest(this.board.hardwareUid[0]!.value.slice(0, 64));
  }

  async #work(): Promise<void> {
    const epoch = this.#epoch;
    this.#atWork = true;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      this.#exchanges++;
      await this.#exchange(line, this.#options.faults?.draw());
      if (epoch !== this.#epoch) return;
    }
    this.#atWork = false;
  }

  /** One request and its reply, disturbed by at most one fault. */
  async #exchange(line: string, fault: FaultKind | undefined): Promise<void> {
    const epoch = this.#epoch;
    const session = this.#session!;
    const count = (kind: FaultKind) => this.#options.faults?.count(kind);
    if (fault === 'swap' && this.#swap?.()) return count('swap');
    if (fault === 'reset') {
      count(fault);
      this.powerOff();
      return this.powerOn();
    }
    if (fault === 'power-before') {
      count(fault);
      return this.powerCycle();
    }
    if (fault === 'power-during') this.board.rail.arm(this.#options.faults!.drawCut());
    if (fault?.startsWith('request-') || fault?.startsWith('reply-')) count(fault);
    for (const heard of this.#options.faults?.disturbRequest(fault, line) ?? [line]) {
      let answer: Answer;
      try {
        answer = await session.answer(heard);
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        if (epoch !== this.#epoch) return;
        count('power-during');
        return this.powerCycle();
      }
      if (epoch !== this.#epoch) return;
      if (fault === 'power-during' || fault === 'power-after') {
        count('power-after');
        return this.powerCycle();
      }
      this.#send(fault, answer.line);
      if (answer.reboot) return this.powerCycle();
    }
  }

  async #workFor(name: string): Promise<void> {
    const { keyDelayMs = 0, commandDelayMs } = this.#options;
    const ms = (name === 'generate_key' ? keyDelayMs : 0) + (commandDelayMs?.(name) ?? 0);
    if (ms <= 0) return;
    const epoch = this.#epoch;
    await this.#timing.delay(ms);
    // The program that waited is no more: nothing that it would do now may reach the board.
    if (epoch !== this.#epoch) throw new PowerLost();
  }

  #send(fault: FaultKind | undefined, line: string): void {
    if (this.#options.hostile?.mode === 'huge-line') {
      this.#print(Buffer.alloc(4 * limits.dutMessageBytes, 0x41));
      this.#print(Buffer.from('\n'));
      return;
    }
    this.#print(this.#options.faults?.disturbReply(fault, line) ?? Buffer.from(`${line}\n`));
  }

  #print(bytes: Uint8Array): void {
    for (const listener of this.#listeners) listener(bytes);
  }

  async #babble(): Promise<void> {
    const epoch = this.#epoch;
    while (epoch === this.#epoch) {
      this.#print(Buffer.alloc(babble.bytes, 0x2e));
      await this.#timing.delay(babble.everyMs);
    }
  }
}
