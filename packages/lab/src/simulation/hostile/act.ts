/** What an act of a thief is, and when a refusal is one. */
import type { Message } from '../network.ts';
import type { StolenStation } from './stolen-station.ts';

/** What the thief sees beside what is its own. */
export interface Sights {
  /** What honest stations said and heard, the newest last. */
  overheard(): readonly { message: Message; text: string }[];
  /** The label of a board of the honest order. */
  honestLabel(): string | undefined;
  strangeLabel(): string;
  /** A finished honest board signs for this job and nonce, as far as its firmware does. */
  askBoard(jobId: string, nonce: string): Promise<{ signature: string; signsAnything: boolean } | undefined>;
}

/** The act could not be done: nobody answered, or what it needs was not there. */
export const notDone = Symbol('not done');
export type Broken = string | undefined | typeof notDone;
export type Act = (thief: StolenStation, sights: Sights) => Promise<Broken>;

/** Not done where nobody answered: the authority is down, and nothing was promised. */
export function refused(
  said: { answer: unknown } | { code: string } | undefined,
  ...codes: string[]
): Broken {
  if (said === undefined) return notDone;
  if ('answer' in said) return 'it was carried out';
  // what holds for everybody at that moment is as good a refusal
  return [...codes, ...always].includes(said.code) ? undefined : `it was refused with ${said.code}`;
}
const always = [
  'clock_untrusted',
  'storage_failed',
  'unavailable',
  'rate_limited',
  'not_authenticated',
  'station_session_taken',
  'shift_not_open',
  'lane_limit_reached',
];
