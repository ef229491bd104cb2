/** When a certificate ends, as a finding: well, soon, or over. */
import { type Finding, fail, ok, warn } from './check.ts';

const dayMs = 86_400_000;
/** IEEE 802.1AR: no end is known. */
const noEnd = Date.parse('9999-12-31T00:00:00Z');

/** Whole days from now until then; below 0 where it is over. */
export function daysUntil(now: Date, end: Date): number {
  return Math.floor((end.getTime() - now.getTime()) / dayMs);
}

/** @param what begins the sentence, such as `the server's certificate` */
export function endOf(what: string, end: Date, now: Date, soonDays: number, advice: string): Finding {
  const day = end.toISOString().slice(0, 10);
  if (end.getTime() >= noEnd) return ok(`${what} has no end`);
  if (end.getTime() <= now.getTime()) return fail(`${what} ended on ${day}`, advice);
  const days = daysUntil(now, end);
  const text = `${what} ends in ${days} ${days === 1 ? 'day' : 'days'}, on ${day}`;
  return days < soonDays ? warn(text, advice) : ok(text);
}
