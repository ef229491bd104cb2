/**
 * What a thief tries with a stolen station, each act with what must come of it. An act says itself where a promise was broken;
 * what the authority did give is the model's to judge, from the log.
 */
import type { Act } from './act.ts';
import { actsAtTheEdge } from './acts-at-the-edge.ts';
import { actsOnOthers } from './acts-on-others.ts';
import { actsPastItsShare } from './acts-past-its-share.ts';
import { actsSplicing } from './acts-splicing.ts';
import { actsWithOwnJobs } from './acts-with-own-jobs.ts';

/** Those for which nobody else has to be at work. */
export const actsAlone: Record<string, Act> = {
  ...actsWithOwnJobs,
  ...actsSplicing,
  ...actsPastItsShare,
  ...actsAtTheEdge,
};

export const acts: Record<string, Act> = { ...actsOnOthers, ...actsAlone };
