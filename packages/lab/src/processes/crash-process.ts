/** A command of the program that is killed as a power cut kills it, and started again with the same arguments. */
import { Child, type ChildEvent } from 'imprint/demo/child';

type Listener = (event: ChildEvent) => void;

export class CrashProcess {
  readonly name: string;
  readonly #args: string[];
  readonly #environment: () => NodeJS.ProcessEnv;
  readonly #listeners: Listener[] = [];
  #child: Child;
  #killed = Promise.withResolvers<void>();
  #up = Promise.withResolvers<void>();
  #stopping: Promise<number> | undefined;
  kills = 0;

  /** Takes a process over that runs already. `args` start it anew, in the environment that is asked for then. */
  constructor(name: string, child: Child, args: string[], environment = () => process.env) {
    this.name = name;
    this.#environment = environment;
    this.#args = args;
    this.#child = child;
    this.#listen();
    this.#up.resolve();
  }

  get child(): Child {
    return this.#child;
  }

  /** Resolves once the process that runs now was killed. */
  get killed(): Promise<void> {
    return this.#killed.promise;
  }

  /** Resolves when a process is up: at once, or after the next start. */
  get up(): Promise<void> {
    return this.#up.promise;
  }

  /** Hears every event of this process and of all that follow it. */
  onEvent(listener: Listener): () => void {
    this.#listeners.push(listener);
    return () => this.#listeners.splice(this.#listeners.indexOf(listener), 1);
  }

  /** kill -9, and waits until the kernel has taken it away; one that has ended by itself already is no error. */
  async kill9(): Promise<void> {
    const ended = this.#child.ends();
    this.#up = Promise.withResolvers();
    if (!this.#child.hasEnded) process.kill(this.#child.pid!, 'SIGKILL');
    this.kills++;
    await ended;
    this.#killed.resolve();
  }

  /** Starts it with the same arguments and waits until it is ready; gives that event, and the notices before it. */
  async start(): Promise<ChildEvent[]> {
    this.#killed = Promise.withResolvers();
    this.#child = new Child(this.name, this.#args, this.#environment());
    const heard: ChildEvent[] = [];
    const forget = this.#child.onEvent((event) => heard.push(event));
    this.#listen();
    try {
      await this.#child.next(({ event }) => event === 'ready');
    } catch (error) {
      // Whoever waits for it to be up hears of it too.
      this.#up.promise.catch(() => {});
      this.#up.reject(error);
      throw error;
    }
    forget();
    this.#up.resolve();
    return heard;
  }

  /** Starts it where it is meant to give up by itself; its exit code and what it said. */
  async startInVain(): Promise<{ code: number; events: ChildEvent[]; errorText: string }> {
    const child = new Child(this.name, this.#args, this.#environment());
    const events: ChildEvent[] = [];
    child.onEvent((event) => {
      events.push(event);
      // It was not to get so far; whoever asked sees it among the events.
      if (event.event === 'ready') void child.stop();
    });
    const code = await child.ends();
    return { code, events, errorText: child.errorText };
  }

  stop(): Promise<number> {
    this.#stopping ??= this.#child.stop();
    return this.#stopping;
  }

  #listen(): void {
    this.#child.onEvent((event) => {
      for (const listener of [...this.#listeners]) listener(event);
    });
  }
}
