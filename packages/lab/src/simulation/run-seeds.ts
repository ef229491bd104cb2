/** Runs many factories on all cores, each core's in a process of its own, since a factory stops the clock of its process. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FactoryAnswer, FactoryRequest } from './factory-child.ts';
import type { FactorySummary } from './summary.ts';

const childFile = fileURLToPath(new URL('factory-child.ts', import.meta.url));
/** A factory of some hundred boards takes seconds; one that takes this long never ends. */
const patienceMs = 15 * 60_000;

/** Hears of each factory as it ends, in no particular order. A process that dies or hangs counts as a violation of its seed. */
export async function runSeeds(
  seeds: readonly string[],
  units: number,
  jobs: number,
  ended: (summary: FactorySummary) => void,
): Promise<void> {
  const waiting = [...seeds];
  await Promise.all(
    Array.from({ length: Math.min(jobs, seeds.length) }, async () => {
      let child = start();
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        const answer = await ask(child, { seed, units });
        ended(answer ?? lost(seed, units));
        if (answer === undefined) {
          child.kill('SIGKILL');
          child = start();
        }
      }
      child.disconnect();
    }),
  );
}

function start(): ChildProcess {
  return fork(childFile, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** Undefined where the process ended, or was silent for too long. */
function ask(child: ChildProcess, request: FactoryRequest): Promise<FactoryAnswer | undefined> {
  return new Promise((resolve) => {
    const end = (answer: FactoryAnswer | undefined) => {
      clearTimeout(timer);
      child.off('exit', exited).off('message', answered);
      resolve(answer);
    };
    const exited = () => end(undefined);
    const answered = (answer: unknown) => end(answer as FactoryAnswer);
    const timer = setTimeout(() => end(undefined), patienceMs);
    child.once('exit', exited).once('message', answered);
    child.send(request);
  });
}

function lost(seed: string, units: number): FactorySummary {
  const what = 'the process of this factory died, or said nothing for a quarter of an hour';
  return {
    seed,
    units,
    fates: { done: 0, 'set-aside': 0, unfinished: units },
    secondLives: { done: 0, 'set-aside': 0, unfinished: 0 },
    violations: [{ invariant: 'I-24', what, atMs: 0 }],
    tried: {},
    acts: {},
    entries: 0,
    events: 0,
    simulatedHours: 0,
    isLost: true,
  };
}
