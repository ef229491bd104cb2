/**
 * Where a PostgreSQL database is, read strictly from its URL. A URL never holds a password, since URLs stand in argument
 * lists and configurations; and what goes over a network is encrypted and its server verified.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { ImprintError } from '@imprint/contract/errors';

export interface PostgresAddress {
  /** A name, an address, or the folder of a socket. */
  host: string;
  port: number;
  database: string;
  /** Absent: PGUSER, or the account that runs the program. */
  user: string | undefined;
  tls: ConnectionOptions | false;
  /** For people: database, host and port. */
  shown: string;
}

const urlExample = 'postgres://imprint@db.example.com/imprint';

/**
 * Reads `postgres://[user@]host[:port]/database[?sslmode=verify-full|disable&sslrootcert=FILE]`. The folder of a socket
 * stands in the place of the host, with its slashes as `%2F`.
 * @throws usage where it is another thing, holds a password, or asks for a network without TLS; file_invalid
 */
export function parsePostgresUrl(text: string): PostgresAddress {
  const url = parsed(text);
  if (url.password !== '') {
    throw new ImprintError('usage', 'the URL of the database holds a password', {
      hint: 'Leave it out of the URL: it is read from PGPASSWORD, or from the file that PGPASSFILE names (~/.pgpass).',
    });
  }
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (host === '' || database === '' || database.includes('/')) {
    throw new ImprintError('usage', `the URL of the database names no ${host === '' ? 'host' : 'database'}`, {
      hint: `Give it as ${urlExample}.`,
    });
  }
  const port = url.port === '' ? 5432 : Number(url.port);
  return {
    host,
    port,
    database,
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
    tls: tlsOf(host, url.searchParams),
    shown: `database ${database} at ${host}${host.startsWith('/') ? '' : `:${port}`}`,
  };
}

function parsed(text: string): URL {
  const url = URL.parse(text);
  // what does not parse is not repeated: it may hold a password all the same
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new ImprintError('usage', 'this is no URL of a PostgreSQL database', {
      hint: `Give it as ${urlExample}.`,
    });
  }
  return url;
}

function tlsOf(host: string, parameters: URLSearchParams): ConnectionOptions | false {
  for (const name of parameters.keys()) {
    if (name === 'sslmode' || name === 'sslrootcert') continue;
    throw new ImprintError('usage', `the URL of the database has a parameter ${name}, which is not known`, {
      hint: 'Known are sslmode (verify-full, disable) and sslrootcert.',
    });
  }
  const staysHere =
    host.startsWith('/') || host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host);
  const mode = parameters.get('sslmode') ?? (staysHere ? 'disable' : 'verify-full');
  if (mode === 'disable' && staysHere) return false;
  if (mode !== 'verify-full') {
    throw new ImprintError('usage', `sslmode=${mode} does not verify the database’s server`, {
      hint: 'Only sslmode=verify-full is taken for a server elsewhere; name its CA with sslrootcert=FILE.',
    });
  }
  const file = parameters.get('sslrootcert');
  return { rejectUnauthorized: true, ...(file === null ? {} : { ca: readCa(file) }) };
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
