/** What an error that PostgreSQL or the way to it gave means for the ledger (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
import { AbortedTransactionError } from 'kysely';
import pg from 'pg';
import type { StorageFault } from '../storage.ts';

/** The connection ended, or nothing came over it for too long. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super(`the connection to the database was lost: ${(cause as Error).message}`, { cause });
  }
}

/** SQLSTATEs, or their first characters, the longest that fits first. */
const faults: Record<string, StorageFault> = {
  '08': 'lost',
  '22': 'refused',
  '23': 'refused',
  '25': 'refused',
  // this server became a standby: the one to write to is another
  '25006': 'lost',
  '25P03': 'lost',
  '40': 'raced',
  '42': 'refused',
  '53': 'busy',
  '53100': 'full',
  '55P03': 'busy',
  '57014': 'busy',
  '57P': 'lost',
};

export function postgresFault(error: unknown): StorageFault {
  if (error instanceof ConnectionLost) return 'lost';
  // it came to the commit with a statement that had failed, and was undone
  if (error instanceof AbortedTransactionError) return 'refused';
  if (!(error instanceof pg.DatabaseError)) return 'foreign';
  // the session is over with it, whatever it was
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return 'lost';
  const state = error.code ?? '';
  return faults[state] ?? faults[state.slice(0, 3)] ?? faults[state.slice(0, 2)] ?? 'broken';
}
