/**
 * A command of this program in a process of its own, spoken to in JSON lines. Its end is never missed: whoever waits
 * for an event of a process that ends is told what it said last.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ImprintError } from '@imprint/contract/errors';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const keptErrorLines = 20;

export type ChildEvent = { event: string } & Record<string, unknown>;
type Listener = (event: ChildEvent) => void;

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #listeners = new Set<Listener>();
  readonly #errorLines: string[] = [];
  readonly #ended: Promise<number>;
  #stopping = false;
  #turn: Promise<unknown> = Promise.resolve();
  #fail: (error: Error) => void = () => {};
  /** Rejects when the process ends without having been told to; never resolves. */
  readonly broke: Promise<never>;

  /** Starts `imprint <args>`, in this process's environment or another; its standard output must be JSON lines. */
  constructor(name: string, args: string[], environment: NodeJS.ProcessEnv = process.env) {
    this.name = name;
    this.broke = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever waits hears of it through `broke`; that nobody waits right now is no fault of its own.
    this.broke.catch(() => {});
    this.#process = spawn(process.execPath, [mainFile, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment,
    });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#take(line));
    createInterface({ input: this.#process.stderr! }).on('line', (line) => {
      this.#errorLines.push(line);
      if (this.#errorLines.length > keptErrorLines) this.#errorLines.shift();
    });
    // A process that is gone takes no more lines; its end is reported below.
    this.#process.stdin!.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      this.#process.on('error', (error) => this.#fail(error));
      this.#process.on('close', (code) => {
        if (!this.#stopping) this.#fail(this.#brokenOff(code));
        resolve(code ?? 1);
      });
    });
  }

  onEvent(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next event for which `fits` holds. Rejects where the process ends before. */
  next(fits: (event: ChildEvent) => boolean): Promise<ChildEvent> {
    let forget = () => {};
    const found = new Promise<ChildEvent>((resolve) => {
      forget = this.onEvent((event) => {
        if (fits(event)) resolve(event);
      });
    });
    return Promise.race([found, this.broke]).finally(forget);
  }

  /** Writes a line and waits for the event that answers it. */
  ask(line: string, fits: (event: ChildEvent) => boolean): Promise<ChildEvent> {
    const answer = this.next(fits);
    this.#process.stdin!.write(`${line}\n`);
    return answer;
  }

  /** As {@link ask}, one question at a time: for a process whose answers do not say which question they answer. */
  askInTurn(line: string, fits: (event: ChildEvent) => boolean): Promise<ChildEvent> {
    const answer = this.#turn.then(() => this.ask(line, fits));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** Asks it to end and waits until it has. */
  async stop(): Promise<number> {
    if (this.hasEnded) return this.#ended;
    this.#stopping = true;
    this.#process.stdin!.end();
    this.#process.kill('SIGTERM');
    return this.#ended;
  }

  /** Waits for a process that ends by itself; its exit code, 1 where a signal ended it. */
  ends(): Promise<number> {
    this.#stopping = true;
    return this.#ended;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get errorText(): string {
    return this.#errorLines.join('\n');
  }

  #take(line: string): void {
    let event: ChildEvent;
    try {
      event = JSON.parse(line) as ChildEvent;
    } catch {
      this.#errorLines.push(line);
      return;
    }
    for (const listener of [...this.#listeners]) listener(event);
  }

  #brokenOff(code: number | null): ImprintError {
    return new ImprintError(
      'unavailable',
      `the process ${this.name} ended (${code}): ${this.errorText || 'it said nothing'}`,
      {
        hint: 'Run the demo again; if it stays, run that command by itself.',
      },
    );
  }
}
