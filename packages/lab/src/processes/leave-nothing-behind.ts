/** Where somebody ends this program, as a test runner does after too long, the processes that it started end with it. */

/** `pids` are asked for at the end; what has ended already is no error. Gives a function that forgets them again. */
export function leaveNothingBehind(pids: () => (number | undefined)[]): () => void {
  const kill = () => {
    for (const pid of pids()) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  };
  const end = () => process.exit(1);
  process.on('exit', kill);
  process.once('SIGTERM', end);
  return () => {
    process.off('exit', kill);
    process.off('SIGTERM', end);
  };
}
