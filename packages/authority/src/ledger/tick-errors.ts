/** What those who submitted to the ledger hear where their decision or its tick was not written. */
import { ImprintError } from '@imprint/contract/errors';
import type { StorageFault } from '../storage/storage.ts';

/** A decision failed after the tables were touched on its behalf. */
export class DecisionBroke extends Error {
  constructor(cause: unknown) {
    super('a decision failed half-way', { cause });
  }
}

/** What was thrown first, before the ledger said what it means for a decision. */
export function causeOf(error: unknown): unknown {
  return error instanceof DecisionBroke ? error.cause : error;
}

export function closing(): ImprintError {
  return new ImprintError('unavailable', 'the authority is closing', {
    hint: 'Try again when it has started anew.',
  });
}

/** What each submitter of a tick that was not written hears. */
export function asTickError(error: unknown, fault: StorageFault): ImprintError {
  const cause = causeOf(error);
  if (cause instanceof ImprintError) return cause;
  if (fault === 'full') {
    return new ImprintError('storage_failed', 'the disk of the database is full: nothing was written', {
      hint: 'Make room there; writing goes on by itself, and reading goes on meanwhile.',
      cause,
    });
  }
  return new ImprintError('storage_failed', 'the database did not take the changes', {
    hint: 'Try again; if it stays, look at the database, its disk and the authority’s own log.',
    cause,
  });
}

/** What the submitter of a decision hears that the tables refused: a rule that the decision should have kept itself. */
export function asDecisionError(error: unknown, fault: StorageFault): unknown {
  if (fault === 'foreign') return error;
  return new ImprintError('internal', 'the tables refuse this change: it would break one of their rules', {
    hint: 'Nothing was written. This is a fault of the program; its own log names the rule.',
    cause: error,
  });
}
