/**
 * What a thief tries with a stolen station, each act with what must come of it. An act gives a sentence where a promise was
 * broken; what the authority did give is the model's to judge, from the log.
 */
import type { Act } from './act.ts';
import { actsOnOthers } from './acts-on-others.ts';
import { actsWithOwnJobs } from './acts-with-own-jobs.ts';

export const acts: Record<string, Act> = { ...actsWithOwnJobs, ...actsOnOthers };
