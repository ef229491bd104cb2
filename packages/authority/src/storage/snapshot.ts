/** Reads of one moment: what others commit meanwhile does not show. */
import type { Kysely } from 'kysely';
import type { Storage } from './storage.ts';
import type { Tables } from './tables.ts';

/** Runs `read` in a transaction on a connection of its own, so that it holds up nobody. */
export async function withSnapshot<T>(
  storage: Storage,
  read: (db: Kysely<Tables>) => Promise<T>,
): Promise<T> {
  const reader = storage.openReader();
  try {
    return await reader.transaction().execute(read);
  } finally {
    await reader.destroy();
  }
}
