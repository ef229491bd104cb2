/**
 * Connections as Kysely takes them: statements are prepared once for each, a session has its settings before the first of
 * them, one that failed is never used again, and a new one is waited for no longer than the caller says.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ImprintError } from '@imprint/contract/errors';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { ConnectionLost, postgresFault } from './postgres-fault.ts';
import { readPassword } from './postgres-password.ts';
import type { PostgresAddress } from './postgres-url.ts';

export interface Connections {
  address: PostgresAddress;
  most: number;
  /** Settings of each session, told to the server as it begins. */
  settings: Record<string, string | number>;
  /** Refuses a server that is not fit; called once for each new connection. */
  check?: (client: pg.ClientBase) => Promise<void>;
  /** How long a connection is tried for where the server is away. */
  patienceMs: () => number;
  driver: PostgresDriver;
}

/** What speaks to the server, and the time by which it waits. */
export interface PostgresDriver {
  /** Beside what is set here, which it may overrule. */
  pool: pg.PoolConfig;
  nowMs: () => number;
  delay: (ms: number) => Promise<unknown>;
}

/** Over the network of this machine. */
export const networkDriver: PostgresDriver = { pool: {}, nowMs: () => performance.now(), delay: pause };

const connectTimeoutMs = 5_000;
const retryEveryMs = 200;
/** Longer than any statement may take on the server: what is silent for so long is cut off. */
const silenceMs = 60_000;

const int8 = pg.types.builtins.INT8;
const numbers: pg.CustomTypesConfig = {
  // every integer of the tables counts something that JavaScript counts exactly
  getTypeParser: ((oid: number, format: 'text') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** A pool of at most `most` connections, each opened when it is first needed. */
export function connect(connections: Connections): PostgresPool {
  const { address, settings, check, driver } = connections;
  const pool = new pg.Pool({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    // pg has filled in the user where the URL names none
    password: ((connection: { user: string }) =>
      readPassword(address, connection.user)) as unknown as () => string,
    ssl: address.tls,
    max: connections.most,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${String(value).replaceAll(' ', '\\ ')}`)
      .join(' '),
    types: numbers,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: silenceMs,
    idleTimeoutMillis: 0,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(check === undefined ? {} : { onConnect: check }),
    ...driver.pool,
  });
  // who uses the connection hears of it from the statement that fails; an idle one is replaced
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    connect: async () => preparing(await connected(pool, connections)),
    end: () => pool.end(),
    options: {},
  };
}

async function connected(
  pool: pg.Pool,
  { address, patienceMs, driver }: Connections,
): Promise<pg.PoolClient> {
  const until = driver.nowMs() + patienceMs();
  for (;;) {
    try {
      return await pool.connect();
    } catch (cause) {
      if (pool.ending || driver.nowMs() >= until) throw unreachable(address, cause);
      await driver.delay(retryEveryMs);
    }
  }
}

function unreachable(address: PostgresAddress, cause: unknown): ImprintError {
  if (cause instanceof ImprintError) return cause;
  const why = cause instanceof AggregateError ? cause.errors[0] : cause;
  return new ImprintError('storage_failed', `no connection to ${address.shown}: ${(why as Error).message}`, {
    hint: 'See that the server runs, that the name, port and user are right, and that PGPASSWORD or ~/.pgpass holds the password where it asks for one.',
    cause,
  });
}

/** What of a statement's text is prepared, by the name that every connection gives it. */
const names = new Map<string, string | undefined>();
const mostNames = 1_000;

function nameOf(text: string): string | undefined {
  if (!names.has(text) && names.size < mostNames) {
    // what begins and ends transactions may be several statements, which cannot be prepared
    names.set(text, /^(select|insert|update|delete)\b/.test(text) ? `s${names.size}` : undefined);
  }
  return names.get(text);
}

function preparing(client: pg.PoolClient): PostgresPoolClient {
  let lost = false;
  const query = async (text: string, values: readonly unknown[]) => {
    if (lost) throw new ConnectionLost(new Error('it ended with an earlier statement'));
    const name = nameOf(text);
    try {
      return await client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) });
    } catch (cause) {
      const error =
        cause instanceof pg.DatabaseError || cause instanceof TypeError ? cause : new ConnectionLost(cause);
      if (postgresFault(error) === 'lost') lost = true;
      throw error;
    }
  };
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => client.release(lost || destroy === true),
  };
}
