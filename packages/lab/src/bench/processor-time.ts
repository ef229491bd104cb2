/** The processor time that a whole process has taken, all of its threads together, as the system counts it. */
import { readFileSync } from 'node:fs';

/** The unit in which Linux shows times to programs: a hundredth of a second on every architecture that Node runs on. */
const usPerTick = 10_000;

/**
 * Microseconds in user and system mode since the process began; threads that have ended count.
 * Null where there is no /proc (it is Linux's): a system without it gives no such figure.
 */
export function processorTimeUs(pid: number): number | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  return ticksOf(stat) * usPerTick;
}

/** utime and stime of proc_pid_stat(5). The command's name, in parentheses, may itself hold blanks and parentheses. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
