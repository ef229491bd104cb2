/**
 * The password for a database, from where psql takes it as well: PGPASSWORD, or a line of the file that PGPASSFILE names
 * (~/.pgpass). Read only when a server asks for one, and a file that others may open is refused.
 */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ImprintError } from '@imprint/contract/errors';
import type { PostgresAddress } from './postgres-url.ts';

/** @throws storage_failed where there is none for this address; path_refused where others may open the file */
export function readPassword(address: PostgresAddress, user: string, environment = process.env): string {
  const { PGPASSWORD, PGPASSFILE } = environment;
  if (PGPASSWORD) return PGPASSWORD;
  const file = PGPASSFILE || join(homedir(), '.pgpass');
  const password = fromFile(file, [
    address.host.startsWith('/') ? 'localhost' : address.host,
    String(address.port),
    address.database,
    user,
  ]);
  if (password !== undefined) return password;
  throw new ImprintError('storage_failed', `the ${address.shown} asks for a password of ${user}`, {
    hint: `Put a line host:port:database:user:password into ${file} (mode 0600), or set PGPASSWORD.`,
  });
}

/** The password of the first line whose fields fit (https://www.postgresql.org/docs/current/libpq-pgpass.html). */
function fromFile(file: string, wanted: readonly string[]): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if ((found.mode & 0o077) !== 0) {
    throw new ImprintError('path_refused', `${file} holds passwords and may be opened by others`, {
      hint: `Close it: chmod go= ${file}`,
    });
  }
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('#')) continue;
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field]) =>
      field!.replace(/\\(.)/g, '$1'),
    );
    if (wanted.every((value, at) => fields[at] === '*' || fields[at] === value)) return fields[wanted.length];
  }
  return undefined;
}
