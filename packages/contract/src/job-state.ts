/** The states of a job and the one table of its transitions. */
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
