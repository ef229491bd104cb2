/**
 * Kysely's PostgreSQL dialect whose transactions begin by taking the right to write, so that replicas queue. A transaction
 * whose connection was cut holds it until it has ended: who has it next sees what became of that one.
 */
import {
  CompiledQuery,
  type Driver,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
} from 'kysely';

export class LockingPostgresDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;

  constructor(config: PostgresDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new LockingPostgresDriver(this.#config);
  }
}

/** The one lock of a database that anybody of this program takes; any number serves. */
const rightToWrite = 7_265_636;
const begin = CompiledQuery.raw(
  `begin isolation level read committed; select pg_advisory_xact_lock(${rightToWrite})`,
);

type Connection = Parameters<PostgresDriver['rollbackTransaction']>[0];

class LockingPostgresDriver extends PostgresDriver {
  override async beginTransaction(connection: Connection): Promise<void> {
    try {
      await connection.executeQuery(begin);
    } catch (error) {
      // the first half of it stands; where undoing fails as well, the connection is not used again
      await this.rollbackTransaction(connection).catch(() => undefined);
      throw error;
    }
  }
}
