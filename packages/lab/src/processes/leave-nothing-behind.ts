/** Where somebody ends this program, as a test runner does after too long, the processes that it started end with it. */

type Pids = () => (number | undefined)[];

const started = new Set<Pids>();

/** `pids` are asked for at the end; what has ended already is no error. Gives a function that forgets them again. */
export function leaveNothingBehind(pids: Pids): () => void {
  // One listener for all: many lines may be at work at once.
  if (started.size === 0) {
    process.on('exit', killAll);
    process.once('SIGTERM', end);
  }
  started.add(pids);
  return () => {
    started.delete(pids);
    if (started.size > 0) return;
    process.off('exit', killAll);
    process.off('SIGTERM', end);
  };
}

function killAll(): void {
  for (const pid of [...started].flatMap((pids) => pids())) {
    try {
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function end(): void {
  process.exit(1);
}
