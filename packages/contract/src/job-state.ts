/** The states of a job and the one table of its transitions. Whatever the table does not name is refused. */

import { z } from 'zod';

export const jobState = z.enum([
  'opened',
  'keyed',
  'issued',
  'written',
  'proven',
  'sealed',
  'done',
  'quarantined',
  'abandoned',
]);
export type JobState = z.infer<typeof jobState>;

/**
 * Where a job can go from each state. A step that was done again gives the same state again: that is how a lost reply, a
 * second visit and a re-written item look. Before it is proven a unit may lose its key and be keyed again; afterwards
 * never. After a proof nothing is written any more.
 */
const nextStates: Record<JobState, readonly JobState[]> = {
  opened: ['keyed', 'quarantined', 'abandoned'],
  keyed: ['keyed', 'issued', 'quarantined', 'abandoned'],
  issued: ['keyed', 'written', 'quarantined', 'abandoned'],
  written: ['keyed', 'written', 'proven', 'quarantined', 'abandoned'],
  proven: ['proven', 'sealed', 'quarantined', 'abandoned'],
  sealed: ['done', 'quarantined', 'abandoned'],
  done: [],
  quarantined: ['abandoned'],
  abandoned: [],
};

/** True where the table leads from one state to the other. */
export function mayBecome(from: JobState, to: JobState): boolean {
  return nextStates[from].includes(to);
}

/** True while a station may still work on the job. */
export function isOpenJob(state: JobState): boolean {
  return state !== 'done' && state !== 'quarantined' && state !== 'abandoned';
}
