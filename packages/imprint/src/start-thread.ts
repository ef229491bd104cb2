/** Starts a listener on a thread of its own, so that a deciding thread that waits for its disk keeps nobody from being heard. */
import { Worker } from 'node:worker_threads';
import type { BirpcReturn } from 'birpc';
import { callsBetweenThreads } from './station-listener/between-threads.ts';

/** What every such thread is asked. */
export interface Listening {
  listen(host: string, port: string | number): Promise<string>;
  close(): Promise<void>;
}

export interface ListenerThread<Asked extends Listening> extends Listening {
  /** Whatever else it is asked. */
  asked: BirpcReturn<Asked, object>;
  /** Rejects when the thread ends before it was closed. */
  failed: Promise<never>;
}

/** `what` names the listener where its thread ends by itself. */
export function startThread<Asked extends Listening, Deciding extends object>(
  what: string,
  program: URL,
  data: unknown,
  deciding: Deciding,
): ListenerThread<Asked> {
  const worker = new Worker(program, { workerData: data });
  const asked = callsBetweenThreads<Asked, Deciding>(worker, deciding);
  const listening = asked as unknown as Listening;
  const failed = new Promise<never>((_resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`the thread of the ${what} ended`)));
  });
  // whoever waits for it hears of it; before and after that, nobody has to
  failed.catch(() => undefined);
  return {
    asked: asked as unknown as BirpcReturn<Asked, object>,
    failed,
    listen: (host, port) => Promise.race([listening.listen(host, port), failed]),
    close: async () => {
      await Promise.race([listening.close(), failed]);
      await worker.terminate();
    },
  };
}
