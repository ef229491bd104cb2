/** Connections for reading whose failures are told as the project's own (`storage_failed`), since readers stand outside the ledger. */
import { ImprintError } from '@imprint/contract/errors';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { postgresFault } from './postgres-fault.ts';

export function tellingPool(pool: PostgresPool): PostgresPool {
  return {
    connect: async () => {
      const client = await pool.connect();
      const query = async (text: string, values: readonly unknown[]) => {
        try {
          return await client.query(text, values);
        } catch (cause) {
          if (postgresFault(cause) === 'foreign') throw cause;
          throw new ImprintError('storage_failed', 'the database could not be read', {
            hint: 'Try again; if it stays, look at the database’s server and its log.',
            cause,
          });
        }
      };
      return {
        query: query as PostgresPoolClient['query'],
        release: (destroy) => client.release(destroy ?? false),
      };
    },
    end: () => pool.end(),
    options: {},
  };
}
