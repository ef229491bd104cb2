/** Ends the process where one input is read for ever: a thread beside it watches, since a loop without end lets nothing else in its own. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const longestMs = 30_000;
const nameBytes = 256;

export interface StallWatch {
  /** Tells which input is read from now on. */
  told: (origin: string) => void;
  end(): Promise<void>;
}

/** `sentence` says what did not end. The process is killed after it was written to standard error. */
export async function watchForStall(
  sentence: (origin: string) => string,
  stalledMs = longestMs,
): Promise<StallWatch> {
  const shared = new SharedArrayBuffer(8 + nameBytes);
  const count = new Int32Array(shared, 0, 1);
  const length = new Int32Array(shared, 4, 1);
  const name = new Uint8Array(shared, 8);
  const [before, after] = sentence('\0').split('\0');
  const workerData = { shared, stalledMs, before, after };
  const worker = new Worker(watching, { eval: true, execArgv: [], workerData });
  // a thread that has not begun would wait for this one, which may be in a loop by then
  await once(worker, 'message');
  worker.unref();
  return {
    told: (origin) => {
      const bytes = Buffer.from(origin).subarray(0, nameBytes);
      name.set(bytes);
      length[0] = bytes.length;
      Atomics.add(count, 0, 1);
    },
    end: async () => void (await worker.terminate()),
  };
}

/** Plain JavaScript, since it runs from this text. */
const watching = `
const { writeSync } = require('node:fs');
const { parentPort, workerData: { shared, stalledMs, before, after } } = require('node:worker_threads');
parentPort.postMessage('watching');
const count = new Int32Array(shared, 0, 1);
const length = new Int32Array(shared, 4, 1);
for (let seen = -1; ; ) {
  const now = Atomics.load(count, 0);
  if (now === seen) {
    const origin = Buffer.from(new Uint8Array(shared, 8, length[0])).toString();
    writeSync(2, before + origin + after + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
  seen = now;
  Atomics.wait(count, 0, now, stalledMs);
  // whoever goes on is looked at again in a while, not at each input
  if (Atomics.load(count, 0) !== now) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stalledMs / 30);
}
`;
