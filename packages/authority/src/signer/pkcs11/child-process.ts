/**
 * A process that signs, seen from the authority. Whatever becomes of it (killed, hung, its library faulty), everything that
 * was asked of it comes to an end within its time: with what it said, or with `unavailable`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ImprintError, isErrorCode } from '@imprint/contract/errors';
import { z } from 'zod';
import { fromRefusal, type Reply, type Request } from './messages.ts';

/** How long a process may take to log out. */
const graceMs = 2_000;
const program = fileURLToPath(new URL('./signing-process.ts', import.meta.url));

/** A foreign library runs in that process: what comes from there is looked at like all that is foreign. */
const refusal = z.object({
  code: z.string().refine(isErrorCode),
  message: z.string().max(2_000),
  hint: z.optional(z.string().max(2_000)),
});
const bytes = z.instanceof(Uint8Array);
const replySchema: z.ZodType<Reply> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('opened'), keyType: z.enum(['ec-p256', 'ec-p384']), point: bytes }),
  z.object({ kind: z.literal('key-made') }),
  z.object({ kind: z.literal('signed'), signatures: bytes, refusal: z.optional(refusal) }),
  z.object({ kind: z.literal('refused'), refusal }),
]);

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: ImprintError): void;
  timer: NodeJS.Timeout;
}

export class SigningChild {
  readonly #process: ChildProcess;
  /** In the order of the requests, which is that of the replies. */
  readonly #waiting: Waiting[] = [];
  readonly #exited: Promise<void>;
  #over: ImprintError | undefined;

  constructor() {
    this.#process = fork(program, [], {
      // nothing of what this process was started with: no inspector, no flags of a test
      execArgv: [],
      // bytes as they are, not as text
      serialization: 'advanced',
      // what a library prints is no part of what a command says
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', () => {
        this.#over ??= lost('the process that signs ended');
        // what it said last may still be on its way, and is heard before the channel ends
        if (!this.#process.connected) this.#end(this.#over);
        resolve();
      });
      this.#process.on('error', () => {
        this.#end(lost('the process that signs could not be started, or not be told'));
        if (this.#process.pid === undefined) resolve();
      });
    });
    this.#process.once('disconnect', () => this.#giveUp(lost('the process that signs ended')));
    this.#process.on('message', (message) => this.#take(message));
  }

  /** True until it ended, or was given up. */
  get isAlive(): boolean {
    return this.#over === undefined;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * The reply. With one that refuses it rejects.
   * @param timeoutMs from now; after it the process is killed
   * @throws what the process refuses with; unavailable where it is gone or silent
   */
  ask(request: Request, timeoutMs: number): Promise<Exclude<Reply, { kind: 'refused' }>> {
    return new Promise<Reply>((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      const timer = setTimeout(
        () => this.#giveUp(lost(`the token said nothing for ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#waiting.push({ resolve, reject, timer });
      this.#process.send(request, (error) => {
        if (error !== null) this.#giveUp(lost('the process that signs takes nothing any more'));
      });
    }).then((reply) => {
      if (reply.kind === 'refused') throw fromRefusal(reply.refusal);
      return reply;
    });
  }

  /** Lets it log out and end; what still waits rejects. Resolves when it is gone, and it is killed where it does not go. */
  async close(): Promise<void> {
    this.#end(lost('the token was closed'));
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #take(message: unknown): void {
    const { data: reply } = replySchema.safeParse(message);
    if (reply === undefined) {
      this.#giveUp(lost('the process that signs answered what nobody understands'));
      return;
    }
    const first = this.#waiting.shift();
    if (first === undefined) return;
    clearTimeout(first.timer);
    first.resolve(reply);
    if (!('refusal' in reply) || reply.refusal === undefined) return;
    // nobody knows what state its session is in after a failure: whoever needs one begins anew
    this.#over ??= fromRefusal(reply.refusal);
    void this.close();
  }

  /** Where it was not given up before, and may be logging out. */
  #giveUp(error: ImprintError): void {
    if (this.#over === undefined) this.#process.kill('SIGKILL');
    this.#end(error);
  }

  #end(error: ImprintError): void {
    this.#over ??= error;
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
  }
}

function lost(what: string): ImprintError {
  return new ImprintError('unavailable', `The HSM cannot be reached: ${what}.`, {
    hint: 'Look at the HSM and at the way to it. It is opened again by itself when something is to be signed.',
  });
}
