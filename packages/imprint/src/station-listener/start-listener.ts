/** Starts the station listener on a thread of its own, so that a deciding thread that waits for its disk keeps nobody from being heard. */
import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { StationHandlers } from '@imprint/authority/http/station-handlers';
import type { RaiseStationAlarm } from '@imprint/authority/jobs/station-alarms';
import { callsBetweenThreads } from './between-threads.ts';

/** What the thread is started with. */
export interface ListenerData {
  /** The authority's home, where it reads its configuration and certificates. */
  folder: string;
  /** The listener's own key. */
  key: KeyObject;
}

/** What the thread is asked. */
export interface Listening {
  listen(host: string, port: string | number): Promise<string>;
  close(): Promise<void>;
}

/** What the thread asks: every decision. */
export type Deciding = StationHandlers & { alarm: RaiseStationAlarm };

export interface StationListenerThread extends Listening {
  /** Rejects when the thread ends before it was closed. */
  failed: Promise<never>;
}

const program = new URL('./listener-thread.ts', import.meta.url);

export function startStationListener(data: ListenerData, deciding: Deciding): StationListenerThread {
  const worker = new Worker(program, { workerData: data });
  const listening = callsBetweenThreads<Listening, Deciding>(worker, deciding);
  const failed = new Promise<never>((_resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread of the station listener ended')));
  });
  // whoever waits for it hears of it; before and after that, nobody has to
  failed.catch(() => undefined);
  return {
    failed,
    listen: (host, port) => Promise.race([listening.listen(host, port), failed]),
    close: async () => {
      await Promise.race([listening.close(), failed]);
      await worker.terminate();
    },
  };
}
