/**
 * Connections for reading. A read whose connection was lost is done once more on a new one, outside a transaction; and what
 * fails is told as the project's own (`storage_failed`), since readers stand outside the ledger.
 */
import { ImprintError } from '@imprint/contract/errors';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { postgresFault } from './postgres-fault.ts';

export function readingPool(pool: PostgresPool): PostgresPool {
  return { connect: async () => reading(pool, await pool.connect()), end: () => pool.end(), options: {} };
}

function reading(pool: PostgresPool, first: PostgresPoolClient): PostgresPoolClient {
  let client: PostgresPoolClient | undefined = first;
  let isFirst = true;
  const run = async (text: string, values: readonly unknown[]) => {
    const mayTryAgain = isFirst;
    isFirst = false;
    try {
      return await client!.query(text, values);
    } catch (error) {
      // the first statement is a read by itself or begins a transaction: nothing came before it
      if (!mayTryAgain || postgresFault(error) !== 'lost') throw error;
      client!.release(true);
      client = undefined;
      client = await pool.connect();
      return await client.query(text, values);
    }
  };
  const query = (text: string, values: readonly unknown[]) => run(text, values).catch(tell);
  return {
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client?.release(destroy ?? false),
  };
}

function tell(cause: unknown): never {
  if (postgresFault(cause) === 'foreign') throw cause;
  throw new ImprintError('storage_failed', 'the database could not be read', {
    hint: 'Try again; if it stays, look at the database’s server and its log.',
    cause,
  });
}
