/** What an act of a thief is, and when a refusal is one. */
import type { StationRouteName } from '@imprint/contract/api/station';
import type { ErrorCode } from '@imprint/contract/errors';
import type { Message } from '../network.ts';
import type { StolenStation } from './stolen-station.ts';

export interface Overheard {
  message: Message;
  text: string;
}

/** What the thief sees beside what is its own. */
export interface Sights {
  /** What honest stations said and heard of late, the newest last. */
  overheard: readonly Overheard[];
  /** What an honest station says next on this route and is answered; undefined where none does for a while. */
  next(route: StationRouteName, from?: (stationId: string) => boolean): Promise<Overheard | undefined>;
  /** The label of a board of the honest order. */
  honestLabel(): string | undefined;
  strangeLabel(): string;
  /** A finished honest board signs for this job and nonce, as far as its firmware does. */
  askBoard(jobId: string, nonce: string): Promise<{ signature: string; signsAnything: boolean } | undefined>;
}

/**
 * What came of an act. `not tried` where it did not get as far as the promise that it is about: nobody answered, its station had
 * no label left, or what holds for everybody stood before it.
 */
export type Outcome = 'held' | 'not tried' | { broken: string };
export type Act = (thief: StolenStation, sights: Sights) => Promise<Outcome>;

/** `held` only where the request was refused with one of these codes. */
export function refused(
  said: { answer: unknown } | { code: string } | undefined,
  ...codes: ErrorCode[]
): Outcome {
  if (said === undefined) return 'not tried';
  if ('answer' in said) return { broken: 'it was carried out' };
  if (codes.some((code) => code === said.code)) return 'held';
  return hindrances.some((code) => code === said.code)
    ? 'not tried'
    : { broken: `it was refused with ${said.code}` };
}

/** `held` only where the request was carried out: what a thief may do stands in the log, for the model to judge. */
export function allowed(said: { answer: unknown } | { code: string } | undefined): Outcome {
  if (said === undefined) return 'not tried';
  if ('answer' in said) return 'held';
  return hindrances.some((code) => code === said.code)
    ? 'not tried'
    : { broken: `it was refused with ${said.code}` };
}

/** Of several trials in one act: a broken promise first; held only where each was. */
export function together(...outcomes: Outcome[]): Outcome {
  const broken = outcomes.find((outcome) => typeof outcome === 'object');
  return broken ?? (outcomes.includes('not tried') ? 'not tried' : 'held');
}

/** Of faults and of the thief's own haste; they say nothing about a promise. */
const hindrances: readonly ErrorCode[] = [
  'clock_untrusted',
  'storage_failed',
  'unavailable',
  'rate_limited',
  'not_authenticated',
  'station_session_taken',
  'shift_not_open',
  'lane_limit_reached',
];
