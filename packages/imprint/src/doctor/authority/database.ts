/** Whether the database opens, and which engine it is. */
import { schemaVersion } from '@imprint/authority/storage/schema';
import { isImprintError } from '@imprint/contract/errors';
import { sql } from 'kysely';
import { type Check, fail, ok } from '../check.ts';
import type { AuthorityFacts } from './facts.ts';

export const database: Check<AuthorityFacts> = {
  name: 'database',
  look: async ({ opened, configuration }) => {
    if (opened instanceof Error) {
      const hint = isImprintError(opened) ? opened.hint : undefined;
      return fail(opened.message, hint ?? "Look at the database's own log, and at its disk.");
    }
    const { reader } = opened.storage;
    const asked =
      configuration.database === undefined
        ? sql<{ version: string }>`select 'SQLite ' || sqlite_version() as version`
        : sql<{ version: string }>`select 'PostgreSQL ' || current_setting('server_version') as version`;
    const { rows } = await asked.execute(reader);
    return ok(`${rows[0]!.version}, tables of version ${schemaVersion}`);
  },
};
